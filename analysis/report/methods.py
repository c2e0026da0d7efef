"""Section 2 of the report: how it was searched, and what a rank can mean."""

from collections.abc import Mapping
from typing import Any

from analysis.report.facts import Facts
from analysis.report.markdown import escape, listing, number, paragraph, table

DETECTION = """\
Each image is cut into overlapping tiles that leave no seam in any result. The sky level and its scatter are
measured on a mesh of about 2″ in two passes, the second with the sources of the first masked. Sources are
what stands above a per-pixel threshold after convolution with a Gaussian of the PSF's width (SEP; no
cleaning of faint neighbours). The threshold is k × (detection_threshold / 3): k is calibrated in each frame
on the inverted image, in which every detection is false, such that detection_threshold = 3 gives at most 1
% false detections. Where no threshold is that clean, as on bright nebulae, section 5 names the frame. The
rate measured at the threshold used here stands in the table."""

MEASUREMENT = """\
Positions are ICRS, fluxes are Kron fluxes in nJy, or in the image's own unit where its file does not say
more. Flux errors come from empty apertures laid over the same frame, since the noise of resampled images is
correlated; S/N is that flux over that error. Half-light radius, concentration, asymmetry, Gini, M20,
ellipticity and the ratio of peak to total are measured on each source with its neighbours masked; what
could not be measured is empty, with the reason in the column invalid_reasons. artifact_probability judges
sharpness against the PSF, edges, weight and invalid pixels: it is a rule of thumb in 0 to 1, not a
calibrated probability."""

OBJECTS = """\
Detections of different frames are one object where each is the other's nearest within the largest of 0.15″,
half the wider PSF, and half the smaller half-light radius (at most 0.5″). A candidate is named by its
position; the name first given stays, and is found again after another analysis within 0.15″."""

SCORES = """\
composite_score is the weighted mean of four terms in 0 to 1, higher meaning more interesting. A term that
could not be computed drops out, the other weights are renormalised, and the column *terms* lists those
used."""

MEANING = """\
A rank is a place in a queue for human eyes. It says that a source is unlike the others of these images in
what the anomaly term judges, that it is well above the noise, looks little like an artefact and is seen in
the frames that cover it. It is no probability, it says nothing of what a source is, and scores
of different fields cannot be compared. Every entry is a candidate, not a discovery."""


def methods(facts: Facts) -> list[str]:
    """Return the blocks of the section."""
    blocks = ["## 2. How it was searched", "### Detection", paragraph(DETECTION)]
    if facts.done:
        blocks.append(_thresholds(facts))
    blocks += ["### Measurement", paragraph(MEASUREMENT), "### Objects", paragraph(OBJECTS)]
    blocks += ["### Scores", paragraph(SCORES)]
    if facts.info:
        blocks += [_terms(facts.info), _selection(facts.info), *_anomaly(facts.info)]
    blocks += ["### What a rank means", paragraph(MEANING), *_few(facts.info)]
    return [*blocks, "### Parameters and versions", _versions(facts)]


def _thresholds(facts: Facts) -> str:
    return table(
        ("frame", ">k (σ per pixel)", ">false detections (%)", ">sky rms", ">PSF FWHM (″)"),
        (
            (
                frame.frame,
                number(frame.threshold_k, ".3f"),
                number(100.0 * frame.false_rate, ".2f"),
                number(frame.sky_rms, ".4g"),
                number(frame.fwhm_arcsec, ".3f"),
            )
            for frame in facts.done
        ),
    )


def _terms(info: Mapping[str, Any]) -> str:
    weights = info["weights"]
    return table(
        ("term", ">weight", "meaning"),
        (
            (
                "anomaly",
                f"{weights['anomaly']:g}",
                "how unusual in spectrum, colour or structure among the objects of all bands"
                if "ensemble" in info
                else "share of the sources of the band with a more ordinary shape",
            ),
            (
                "snr",
                f"{weights['snr']:g}",
                "log10(S/N) / 2, between 0 and 1; "
                + (
                    "S/N of the light in a small circle, root mean square over the bands that cover it"
                    if "ensemble" in info
                    else "S/N of the best frame"
                ),
            ),
            ("artifact", f"{weights['artifact']:g}", "1 - artifact_probability"),
            (
                "consistency",
                f"{weights['consistency']:g}",
                "frames that show it / frames that cover it, where two or more cover it",
            ),
        ),
    )


def _selection(info: Mapping[str, Any]) -> str:
    top = info["top_anomalies_per_image"]
    most = f"the {top} sources of highest anomaly score" if top else "every source"
    terms = (
        "its anomaly and artefact terms are judged over all frames that cover it, of which those with a "
        "forced S/N of 3 count as showing it"
        if "ensemble" in info
        else "its anomaly term is that of the frame in which anomaly score times artefact score is highest, "
        "its artefact term the mean over its frames"
    )
    return (
        f"Each image puts forward {most} among those with S/N of {info['min_snr']:g} or more. Those of "
        f"one object are merged. Its S/N and measured values are those of its frame of highest S/N; {terms}. "
        "Equal scores are ordered by position."
    )


def _anomaly(info: Mapping[str, Any]) -> list[str]:
    forest = (
        f"The shape is described by {escape(', '.join(info['features']))}. Each is centred on the median "
        "of its band, divided by its robust spread and clipped at ±10; a missing value counts as "
        f"ordinary. The score is that of an Isolation Forest ({info['trees']} trees, {info['subsample']} "
        "sources each), averaged over forests grown from the seeds "
        f"{', '.join(map(str, info['seeds']))}. Below {info['least_for_forest']} sources a robust "
        "distance takes its place: the root mean square of the same scaled features, small bands of one "
        f"instrument together. Below {info['least_for_distance']} there is none. anomaly_score is the "
        "place in the order of that score."
    )
    words = {"isolation_forest": "Isolation Forest", "robust_distance": "robust distance", "none": "none"}
    groups = table(
        ("sources scored together", ">sources", ">of them with enough S/N", "method", "features that vary"),
        (
            (
                ", ".join(group["bands"]),
                group["n_sources"],
                group["n_population"],
                words[group["method"]],
                ", ".join(group["features"]) or "–",
            )
            for group in info["groups"]
        ),
    )
    return [*_ensemble(info), forest, groups]


def _ensemble(info: Mapping[str, Any]) -> list[str]:
    """Return how the views were combined, where they were."""
    facts = info.get("ensemble")
    if facts is None:
        return []
    views = "; ".join(f"*{name}*: {meaning}" for name, meaning in facts["views"].items())
    text = (
        "Every object was measured in every frame that covers it, at one PSF; fragments that hang together "
        f"in the light between them were joined ({facts['n_fragments_joined']} of them). The anomaly term is "
        f"the largest of these views among {facts['population']} objects, times 1 less the artefact "
        f"probability: {views}. It takes the place of the shape score below, which is kept beside it. "
        "Stars are ranked "
        "apart: at most 0.3 unless no star's spectrum fits."
    )
    missing = [f"{name} ({reason})" for name, reason in facts["missing_views"].items()]
    if missing:
        text += f" Could not be computed: {', '.join(missing)}."
    if facts["few"]:
        text += (
            f" **Few objects.** With {facts['population']} objects a structure is compared with all others, "
            "not with those as bright, and the odd one of few need not be rare on the sky: only *spectrum* "
            "and *arc* measure by themselves. Take the order as an order and no more."
        )
    return [text]


def _few(info: Mapping[str, Any]) -> list[str]:
    """Return what the ranking cannot mean where there are few sources."""
    if not info or info["method"] == "robust_distance" or "ensemble" in info:
        return []
    small = [group for group in info["groups"] if group["method"] != "isolation_forest"]
    if not small:
        return []
    names = [
        f"{', '.join(group['bands'])} ({group['n_population']}{' together' * (len(group['bands']) > 1)})"
        for group in small
    ]
    text = (
        f"**Few sources.** An Isolation Forest needs {info['least_for_forest']} sources of a band or "
        "more to tell an unusual one from the rest. Each of these bands has fewer with enough S/N: "
        f"{escape('; '.join(names))}. There the robust distance takes over. It says which of these few "
        "sources is least like the others of the few. It cannot say that such a source is rare on the "
        "sky; one odd neighbour shifts every other score; and somebody must come first, even where all "
        "are ordinary. With so few, look at every one of them, and take the order as an order and no "
        "more."
    )
    if any(group["method"] == "none" for group in small):
        text += (
            f" With fewer than {info['least_for_distance']} sources no anomaly score is computed at all: "
            "their candidates are ordered by S/N, artefact and consistency alone, and *terms* says so."
        )
    return [text]


def _versions(facts: Facts) -> str:
    info = facts.info
    lines = [f"jwst-vet {facts.version}"]
    if info:
        lines.append(f"Python {info['python']}")
        lines += [f"{name} {version}" for name, version in info["versions"].items()]
        lines.append(f"version of the ranking code {info['code_version']}")
    return listing(lines)
