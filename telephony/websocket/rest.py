"""Requests to a provider's REST API: a fault of the network is a LineError without address or secret."""

import logging
from typing import Any

import httpx2

from telephony.line import LineError

_TIMEOUT_S = 10.0

# Below this the library's records name accounts and calls.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logging.getLogger("httpcore2").setLevel(logging.WARNING)


def client(base_url: str, **settings: Any) -> httpx2.AsyncClient:
    """A client for one API; `settings` are httpx2's (auth, headers)."""
    return httpx2.AsyncClient(base_url=base_url, timeout=_TIMEOUT_S, **settings)


async def send(
    api: httpx2.AsyncClient, provider: str, method: str, path: str, **body: Any
) -> httpx2.Response:
    """One request; the caller judges the status. Raises LineError if there is no sensible answer."""
    try:
        response = await api.request(method, path, **body)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise LineError(
            f"{provider} cannot be reached ({type(error).__name__}). Check its address and the network"
        ) from None
    if response.status_code in (401, 403):
        raise LineError(f"{provider} does not accept our credentials. Mend user and password or token")
    if response.status_code == 429 or response.status_code >= 500:
        raise LineError(f"{provider} cannot take the request now (HTTP {response.status_code}). Try later")
    return response


def fields(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty if it has none."""
    try:
        value = response.json()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def needed(response: httpx2.Response, provider: str, name: str) -> str:
    """The text `name` of an answer. Raises LineError if it is missing."""
    value = fields(response).get(name)
    if not isinstance(value, str) or not value:
        raise LineError(f"{provider} answered without {name!r}. Check that its address is that of the API")
    return value


def check_address(provider: str, url: str) -> None:
    """Raise LineError unless `url` is http:// or https://."""
    if not url.startswith(("http://", "https://")):
        raise LineError(f"the address of {provider} {url!r} is no http:// or https:// address")
