"""Rewrite the image URLs of a body and of a lead image through an image proxy, and back (R9)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """A template such as `https://proxy.example/?{url}` (`{url_encoded}` too) and which URLs it takes."""

    template: str
    all_schemes: bool = False
    """False: http URLs only (`images_scope: http`); True: https ones too."""


def through(url: str, policy: ImagePolicy | None) -> str:
    """Return the URL that is written in place of an image's URL."""
    raise NotImplementedError


def rewrite(html: str, policy: ImagePolicy | None) -> str:
    """Return the HTML with every image URL in `src`, `srcset` and `poster` rewritten in place, every other character kept."""
    raise NotImplementedError


def restore(html: str, policy: ImagePolicy | None) -> str:
    """Return the HTML with the original URLs: the reverse of `rewrite`."""
    raise NotImplementedError
