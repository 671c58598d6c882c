"""The whole product against a small built-in publisher on loopback, with no network."""
