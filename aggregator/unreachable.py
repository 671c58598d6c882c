"""Why there is no connection, in the operator's words: names, addresses, certificates, proxies."""

from __future__ import annotations

import socket
import ssl

from aggregator.outcomes import FailureKind, PollError

CONNECT_SECONDS = 10.0
"""For connection and handshake together, the name's look-up apart."""

_NO_NAME = {
    socket.EAI_NONAME: "no such name",
    getattr(socket, "EAI_NODATA", -5): "it has no address",
    socket.EAI_AGAIN: "its name server fails or does not answer; that may pass",
    socket.EAI_FAIL: "its name server refuses to answer",
}
"""NXDOMAIN is the first. SERVFAIL and a timeout of the resolver are both the third: getaddrinfo does not part them."""


def no_name(error: OSError | UnicodeError, host: str) -> PollError:
    """Say why the name gives no address."""
    said = _NO_NAME.get(error.errno or 0) if isinstance(error, socket.gaierror) else None
    return PollError(FailureKind.DNS, f"the name {host} does not resolve ({said or reason(error)})")


_CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "expired",
    18: "is self-signed",
    19: "comes from an authority that signed itself and is not known here",
    20: "comes from an authority that is not known here",
    21: "comes without the certificates of its authority",
    23: "was revoked",
    62: "belongs to another host",
    64: "belongs to another address",
}
"""By the verification codes of OpenSSL (`man openssl-verification-options`, X509_V_ERR_...)."""


def no_connection(error: OSError | ValueError, host: str, port: int, *, dialled: bool) -> PollError:
    """Say why there is no connection; `dialled` where TCP stood and the handshake did not."""
    if dialled:
        return PollError(FailureKind.TLS, _no_tls(error, host, port))
    match error:
        case ConnectionRefusedError():
            said = f"{host}:{port} refuses connections"
        case TimeoutError():
            said = f"no connection to {host}:{port} within {CONNECT_SECONDS:.0f} s"
        case _:
            said = f"no connection to {host}:{port} ({reason(error)})"
    return PollError(FailureKind.CONNECT, said)


def no_proxy(error: OSError | ValueError, host: str, port: int, *, dialled: bool) -> PollError:
    """Say why there is no way through the proxy, without its credentials; `dialled` where TCP stood."""
    pair = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error:
        case socket.gaierror() | UnicodeError():
            said = f"the name of the proxy {pair} does not resolve ({reason(error)})"
        case ConnectionRefusedError():
            said = f"the proxy {pair} refuses connections"
        case TimeoutError():
            said = f"the proxy {pair} does not answer within {CONNECT_SECONDS:.0f} s"
        case ssl.SSLError():
            said = f"no TLS with the proxy: {_no_tls(error, host, port)}"
        case _ if dialled:
            said = f"the proxy {pair} broke the connection ({reason(error)})"
        case _:
            said = f"no connection to the proxy {pair} ({reason(error)})"
    return PollError(FailureKind.CONNECT, said)


def _no_tls(error: OSError | ValueError, host: str, port: int) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            fault = _CERTIFICATE_FAULTS.get(error.verify_code, f"cannot be verified ({error.verify_message})")
            return f"the certificate of {host} {fault}"
        case ssl.SSLError():
            return f"no TLS with {host}:{port}: {_tls_fault(error)}"
        case TimeoutError():
            return f"the TLS handshake with {host}:{port} does not come to an end"
        case _:
            return f"{host}:{port} broke off the TLS handshake ({reason(error)})"


def _tls_fault(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason in words, its commonest ones in plain ones."""
    reason: str | None = error.reason  # None where OpenSSL names none, whatever its stub says
    match reason:
        case "WRONG_VERSION_NUMBER" | "HTTP_REQUEST" | "PACKET_LENGTH_TOO_LONG":
            return "it does not speak TLS there"
        case "UNSUPPORTED_PROTOCOL" | "TLSV1_ALERT_PROTOCOL_VERSION":
            return "it offers only outdated versions"
        case "UNEXPECTED_EOF_WHILE_READING" | None:
            return "it closed the connection within the handshake"
        case _:
            return reason.replace("_", " ").lower()


def reason(error: Exception) -> str:
    """Return the system's words for the error, without numbers and arguments."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
