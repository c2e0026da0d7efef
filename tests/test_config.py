"""The configuration: defaults, what is refused, and the files made from it."""

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import config
from analysis.config import Config, ConfigError

ROOT = Path(__file__).resolve().parents[1]


def test_shipped_file_is_made_from_the_defaults():
    """The top-level config.toml is what `init` writes."""
    assert (ROOT / "config.toml").read_text() == config.as_toml()


def test_defaults_survive_a_round_trip():
    """What as_toml writes, load reads back as the same configuration."""
    assert config.from_mapping(tomllib.loads(config.as_toml())) == Config()


def test_seed_defaults_are_the_documented_ones():
    """The names and defaults that users of the specification rely on."""
    default = Config()
    assert (default.target_mode, default.target_name) == ("object", "SMACS 0723")
    assert (default.ra_deg, default.dec_deg, default.radius_deg) == (110.8375, -73.4397, 0.02)
    assert (default.max_obs, default.max_files, default.max_total_gb) == (3, 60, 1.0)
    assert (default.product_types_image, default.product_types_spectra) == (["I2D"], ["X1D"])
    assert (default.detection_threshold, default.min_snr) == (3.0, 5.0)
    assert (default.top_anomalies_per_image, default.cutout_size) == (30, 50)
    assert dataclasses.astuple(default.weights) == (0.4, 0.3, 0.2, 0.1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"detection_treshold": 3.0}, ["detection_treshold", "no such key", "detection_threshold"]),
        ({"snr": 4.0}, ["snr", "[weights] snr"]),
        ({"ui": {"previw": "half"}}, ["[ui] previw", "[ui] preview"]),
        ({"min_snr": "a"}, ["min_snr = 'a'", "a number from 0"]),
        ({"min_snr": True}, ["min_snr = True", "a number"]),
        ({"min_snr": float("nan")}, ["min_snr", "a number"]),
        ({"max_obs": 2.5}, ["max_obs = 2.5", "a whole number from 1"]),
        ({"radius_deg": 400}, ["radius_deg = 400", "at most 5"]),
        ({"dec_deg": -91.0}, ["dec_deg", "-90 to 90"]),
        ({"target_mode": "x"}, ["target_mode", '"object" or "coords"']),
        ({"product_types_image": []}, ["product_types_image", "a list of names"]),
        ({"ui": 3}, ["ui = 3", "[ui]"]),
        ({"keys": {"next": 1}}, ["[keys]", 'action = "key"']),
        ({"vetting": {"vetter": "a/b"}}, ["[vetting] vetter", "at most 64"]),
        ({"weights": {"anomaly": 0, "snr": 0, "artifact": 0, "consistency": 0}}, ["[weights]", "all are 0"]),
    ],
)
def test_unusable_value_is_one_line_that_says_what_is_allowed(values, words):
    """An error names the file, the key, the value and what is allowed, on one line."""
    with pytest.raises(ConfigError) as caught:
        config.from_mapping(values, "here/config.toml")
    text = str(caught.value)
    assert text.startswith("here/config.toml: ")
    assert "\n" not in text
    for word in words:
        assert word in text


@given(
    st.dictionaries(
        st.text(max_size=8), st.one_of(st.integers(), st.text(max_size=4), st.booleans()), max_size=3
    )
)
def test_any_mapping_is_a_configuration_or_one_line(values):
    """No plain mapping raises anything but ConfigError."""
    said = ""
    try:
        made = config.from_mapping(values)
    except ConfigError as error:
        said = str(error)
    assert said.startswith("config.toml: ") or isinstance(made, Config)


def test_missing_and_broken_files_say_what_to_do(tmp_path):
    """A file that is absent, not text or not TOML is one line with the path."""
    with pytest.raises(ConfigError, match="init"):
        config.load(tmp_path / "config.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("min_snr = = 3")
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.load(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(broken)


def test_vetter_is_the_login_name_unless_configured(monkeypatch):
    """An empty vetter means the login name, with unsuitable characters replaced."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna maria@host")
    assert config.Vetting().name() == "anna_maria_host"
    assert config.Vetting("bo").name() == "bo"


def test_target_is_a_name_or_coordinates():
    """The words for the target follow target_mode."""
    assert Config(target_name="M 51").target == "M 51"
    assert Config(target_mode="coords", ra_deg=1.5, dec_deg=-2.25).target == "RA 1.50000 Dec -2.25000"


def test_readme_lists_every_key_with_its_default():
    """README's table of the configuration is made from the same facts."""
    readme = (ROOT / "README.md").read_text()
    for line in config.markdown_table().splitlines():
        assert line in readme
