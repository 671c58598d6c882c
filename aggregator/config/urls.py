"""URLs and addresses as feeds.yaml writes them: what is taken, and the mend for what is not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from aggregator.config.faults import WrongValueError

URL_RULE = "a URL begins with http:// or https://, has a host, and no space"
LISTEN_RULE = "host:port, [v6]:port or unix:/path"
PRIVATE_RULE = "an exact host:port, such as 127.0.0.1:1200"
PROXY_RULE = "http://host:port, https://host:port, socks5://host:port or socks5h://host:port is meant"
PORTS = {"http": 80, "https": 443}
PROXIES = frozenset(("http", "https", "socks5", "socks5h"))

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\ufeff]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/{0,3})(.*)", re.DOTALL)
_LIKE_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]{2,}(?::\d+)?(?:[/?#].*)?|localhost(?::\d+)?(?:/.*)?|[\d.]+:\d+(?:/.*)?")
# What no host name holds; letters beyond ASCII are IDN, and an underscore does occur.
_NOT_HOST = re.compile(r"[\x00-\x2c/:;<=>?@\[\\\]^`{|}~\x7f]")
_SLIPS = {"htp", "htpp", "htttp", "ttp", "http", "hhttp", "https", "htps", "htpps", "httpss", "ttps", "hhttps", "httpx"}


def source_url(text: str) -> str:
    """Return the URL as written, trimmed; raise `WrongValueError` where nothing could be fetched from it."""
    url = text.strip()
    if not url:
        raise WrongValueError("is empty; write the address of the feed")
    if url.startswith(("url:", "-http")):
        raise WrongValueError(f'"{cut(url)}" lacks a space after `{url[: url.find("h")]}`', url[url.find("h") :])
    _no_breaks(url)
    parts = _split(url)
    _http(url, parts)
    return url


def base_url(text: str) -> str:
    """Return an absolute http(s) URL that ends with `/`."""
    url = text.strip()
    if not url:
        raise WrongValueError("is empty; write https://..., or leave the line out")
    _no_breaks(url)
    parts = _split(url)
    _http(url, parts)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise WrongValueError(f'"{cut(url)}" has a ? or # part; only a path may follow the host')
    return url if url.endswith("/") else url + "/"


def proxy(text: str) -> str:
    """Return the URL of a proxy: `http://`, `https://`, `socks5://` or `socks5h://`, host and port, a log-in perhaps. It is never quoted."""
    url = text.strip()
    if url.isascii() and not url.isprintable():
        raise WrongValueError("has a control character in it")
    scheme, colon, rest = url.partition("://")
    if not colon:
        raise WrongValueError(f"has no scheme; {PROXY_RULE}", f"http://{url}" if _LIKE_HOST.fullmatch(url) else None)
    if scheme not in PROXIES:
        right = "socks5" if scheme.startswith("socks") else "http"
        raise WrongValueError(f"{cut(scheme)}:// is no kind of proxy that works here; {PROXY_RULE}", f"{right}://...")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WrongValueError(f"is no address of a proxy: {_said(error)}") from None
    if not parts.hostname or _NOT_HOST.search(parts.hostname.replace(":", "")) or _BREAKS.search(url):
        raise WrongValueError(f"has no host that could be asked; {PROXY_RULE}")
    if not port:
        raise WrongValueError(f"has no port; {PROXY_RULE}")
    if parts.path.strip("/") or parts.query or parts.fragment or "?" in rest:
        raise WrongValueError(f"has something after the port; {PROXY_RULE}")
    return f"{scheme}://{parts.netloc}"


def image_template(text: str) -> str:
    """Return the template of an image proxy: an http(s) URL with `{url}` or `{url_encoded}` in it."""
    template = text.strip()
    if "{url}" not in template and "{url_encoded}" not in template:
        raise WrongValueError(
            f'"{cut(template)}" has no {{url}} in it; write https://proxy.example/?{{url}} (or {{url_encoded}}), or false'
        )
    plain = template.replace("{url}", "u").replace("{url_encoded}", "u")
    if found := re.search(r"\{[^{}]*\}", plain):
        raise WrongValueError(f"{found[0]} is not known here; {{url}} and {{url_encoded}} are")
    _no_breaks(plain)
    _http(plain, _split(plain))
    return template


def listen(text: str) -> str:
    """Return `host:port`, `[v6]:port` or `unix:path`, trimmed; port 0 takes a free one."""
    address = text.strip()
    if address.startswith("unix:"):
        if not address.removeprefix("unix:").strip("/"):
            raise WrongValueError(f'"{address}" names no socket file; write unix:/run/aggregator/http.sock')
        at_home(address.removeprefix("unix:"))
        return address
    if "://" in address:
        raise WrongValueError(f'"{cut(address)}" is a URL; {LISTEN_RULE} is meant', urlsplit(address).netloc or None)
    if address.isdecimal():
        raise WrongValueError(f'"{address}" has no host; write 127.0.0.1:{address} (0.0.0.0:{address} for everybody)')
    host, _, port = address.rpartition(":")
    if address.startswith(":") and not address.startswith("::"):
        raise WrongValueError(f'"{address}" has no host; write 127.0.0.1{address} (0.0.0.0{address} for everybody)')
    return _host_port(address, host, port, LISTEN_RULE, example="8080", least=0)


def private_address(text: str) -> str:
    """Return an exact `host:port` in lower case: an IDN host in its DNS form, a v6 address in brackets and short."""
    address = text.strip().casefold()
    if "://" in address:
        parts = _split(address)
        plain = f"{_bracketed(parts)}:{parts.port or PORTS.get(parts.scheme, 80)}"
        raise WrongValueError(f'"{cut(address)}" is a URL; {PRIVATE_RULE} is meant', plain)
    if "/" in address or "*" in address:
        raise WrongValueError(f'"{cut(address)}" is a range; {PRIVATE_RULE}, is meant, one for each')
    host, _, port = address.rpartition(":")
    checked = _host_port(address, host, port, PRIVATE_RULE, example="1200")
    if checked.startswith("["):
        return f"[{ipaddress.ip_address(host[1:-1])}]:{port}"
    return checked if host.isascii() else f"{dns_form(host)}:{port}"


def is_own(url: str, allow_private: Collection[str]) -> bool:
    """
    Return whether the URL's host is the operator's own: there a poll a second hurts no publisher.

    An address in a private or loopback range, `localhost` and names below it, or a host:port of `allow_private`.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    if f"{dns_form(_bracketed(parts)).rstrip('.')}:{parts.port or PORTS.get(parts.scheme)}" in allow_private:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_private
    except ValueError:
        return False


def same(url: str) -> str:
    """Return the URL in the one form that equal requests share: host in lower case, no default port, no fragment."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port and parts.port != PORTS[parts.scheme] else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{_bracketed(parts)}{port}{parts.path or '/'}{query}"


def dns_form(host: str) -> str:
    """Return the host as DNS knows it (`xn--...`); as it stands where it has no such form."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def at_home(text: str) -> Path:
    """Return the path with `~` replaced; raise `WrongValueError` where nobody has that home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise WrongValueError("begins with a home folder that is not known; write the whole path") from None


def cut(text: str, most: int = 80) -> str:
    """Return the text, its middle left out where it is long."""
    return text if len(text) <= most else f"{text[: most - 20]}...{text[-17:]}"


def _no_breaks(url: str) -> None:
    found = _BREAKS.search(url)
    if found is None:
        return
    if found[0] != " ":
        raise WrongValueError(f'"{cut(_BREAKS.sub(" ", url))}" has a character in it that cannot be seen; type it anew')
    first = url.split(" ", 1)[0]
    if url.split(" ", 1)[1].lstrip().startswith(("http://", "https://")):
        raise WrongValueError("has two URLs in it; each stands on a line of its own", first)
    raise WrongValueError(
        f'"{cut(url)}" has a space in it; in a URL it is written %20', quote(url, safe="%/:?&=#+,;@~!$'()*[]")
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise WrongValueError(f'"{cut(url)}" is no URL: {_said(error)}') from None
    return parts


def _said(error: ValueError) -> str:
    text = str(error)
    if "ort" in text:
        return "the port is a number from 1 to 65535"
    return "what stands in [ ] is no address" if "IP" in text or "appear" in text else "the host cannot be read"


def _http(url: str, parts: SplitResult) -> None:
    """Raise where the parts are not those of an http(s) URL with a host."""
    if parts.scheme not in PORTS or not url[len(parts.scheme) :].startswith("://"):
        raise _no_scheme(url)
    if parts.port == 0:
        raise WrongValueError(f'"{cut(url)}" is no URL: the port is a number from 1 to 65535')
    if "@" in parts.netloc:
        raise WrongValueError(
            "carries a user name or password, which would show in logs and pages; "
            "write `auth: {username: ..., password: ...}` beside it"
        )
    host = parts.hostname or ""
    if not host.strip("."):
        raise WrongValueError(f'"{cut(url)}" has no host')
    if parts.netloc.startswith("["):
        return
    if _NOT_HOST.search(host) or ".." in host or any(len(label) > 63 for label in host.split(".")):
        raise WrongValueError(f'"{cut(host)}" is no host name')


def _no_scheme(url: str) -> WrongValueError:
    # A host and port look like a scheme and a path, so the host comes first.
    if _LIKE_HOST.fullmatch(url) or url.startswith("//"):
        return WrongValueError(f'"{cut(url)}" has no scheme', "https://" + url.lstrip("/"))
    found = _SCHEME.fullmatch(url)
    if found is None:
        return WrongValueError(f'"{cut(url)}" is no URL; {URL_RULE}')
    scheme, rest = found[1].casefold(), found[3]
    if scheme == "feed":
        return WrongValueError(
            f'"{cut(url)}": feed: is not fetched', rest if rest.startswith("http") else f"https://{rest}"
        )
    if scheme == "rsshub":
        return WrongValueError("rsshub: is not taken here; write the full http(s) URL of the route")
    if scheme in _SLIPS:
        right = "https" if "s" in scheme else "http"
        return WrongValueError(
            f'"{cut(url)}" is no URL; {URL_RULE}', f"{right}://{rest.lstrip(':/')}" if rest else None
        )
    return WrongValueError(f'"{cut(url)}": {scheme}: is not fetched, only http and https are')


def _host_port(address: str, host: str, port: str, rule: str, *, example: str, least: int = 1) -> str:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if address.count(":") > 1 and bare == host:
        raise WrongValueError(f'"{cut(address)}": a v6 address stands in brackets', f"[{address}]:{example}")
    if not host or not port:
        raise WrongValueError(
            f'"{cut(address)}" has no port; {rule}', f"{address.rstrip(':')}:{example}" if address else None
        )
    if not (port.isascii() and port.isdecimal() and least <= int(port[:6]) < 65536):
        free = "" if least else ", or 0 for a free one"
        raise WrongValueError(f'"{cut(address)}": the port is a number from 1 to 65535{free}')
    if bare != host and not _is_address(bare):
        raise WrongValueError(f'"{cut(address)}": what stands in [ ] is no address')
    if bare == host and (_NOT_HOST.search(host) or _BREAKS.search(host)):
        raise WrongValueError(f'"{cut(address)}" is not {rule}')
    return address


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _bracketed(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" not in host:
        return host
    try:
        return f"[{ipaddress.ip_address(host)}]"
    except ValueError:
        return f"[{host}]"
