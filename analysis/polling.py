"""A transport for the archive's queries: timeouts where its client sets none, a second between polls."""

from __future__ import annotations

import re
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from analysis.patience import Patience, Stopping, wait

POLL_S = 1.0
"""Least time between two polls of a query that is being executed."""
_POLLS_LONGEST = 10
_STATUS = re.compile(rb'"status"\s*:\s*"EXECUTING"')
_ROWS = re.compile(rb'"rowsFiltered"\s*:\s*(\d+)')
_HEAD = 4096


class PollingAdapter(HTTPAdapter):
    """Sends requests with a timeout each, and keeps apart the polls that the client sends without a pause.

    After ten read timeouts of polling the query is given up with `requests.ReadTimeout`. `rows` is how many
    rows the service said the last query has, over all pages; None where it did not say.
    """

    def __init__(self, patience: Patience, stopping: Stopping) -> None:
        super().__init__()
        self.patience = patience
        self.stopping = stopping
        self.rows: int | None = None
        self._executing_since: float | None = None
        self._last_poll = 0.0

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send one request; a poll waits until a second has passed since the one before."""
        if self._executing_since is not None:
            wait(self._last_poll + POLL_S - time.monotonic(), self.stopping)
        response: Any = super().send(request, stream, timeout or self.patience.timeout, verify, cert, proxies)
        body: bytes = response.content
        now = time.monotonic()
        if _STATUS.search(body[:_HEAD]):
            self._last_poll = now
            if self._executing_since is None:
                self._executing_since = now
            elif now - self._executing_since > _POLLS_LONGEST * self.patience.read_s:
                self._executing_since = None
                raise requests.ReadTimeout(
                    f"still executing after {_POLLS_LONGEST * self.patience.read_s:g} s", request=request
                )
        else:
            self._executing_since = None
            told = _ROWS.search(body[-_HEAD:]) or _ROWS.search(body[:_HEAD])
            self.rows = int(told[1]) if told else None
        made: requests.Response = response
        return made

    def forget(self) -> None:
        """Begin another query."""
        self._executing_since = None
        self.rows = None
