"""What holds of every address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from w3lib.url import canonicalize_url

from aggregator.identity import canonical_link

_words = st.text("ab0Z_.~-", max_size=3)
_queries = st.lists(st.tuples(st.text("ab0Z_.~-", min_size=1, max_size=3), _words), min_size=1, max_size=4)


@given(path=st.lists(_words, max_size=3), query=_queries)
def test_a_query_of_plain_characters_has_the_form_that_any_other_has(
    path: list[str], query: list[tuple[str, str]]
) -> None:
    url = f"https://a.example/{'/'.join(path)}?{'&'.join('='.join(pair) for pair in query)}"

    assert canonical_link(url) == canonicalize_url(url)
