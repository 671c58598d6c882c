"""The feeds.yaml that `aggregator init` writes: the smallest one that is useful, with comments that teach."""

from __future__ import annotations


def template() -> str:
    """Return the text of a starter feeds.yaml; the project's own feeds.yaml is the same."""
    return _TEMPLATE


_TEMPLATE = """\
# feeds.yaml: which feeds are polled, and how their entries are filed and served.
# Every key with its default stands in docs/feeds-yaml.md. `aggregator check` tells what is wrong, and where.
version: 1

server:
  listen: 127.0.0.1:8080
  # The address under which readers reach this server: absolute links in the merged feed are made of it.
  # base_url: https://news.example.org/
  title: 产品早读
  # Empty or absent: public. Else readers add ?token=... to the address.
  # access_token: ${AGGREGATOR_TOKEN:-}

storage:
  path: ./data                # the database; relative to this file
  records: ./data/records     # one front-matter file per entry, for Hexo, Hugo or Jekyll; without this line, no files

# polling:
#   host_delay: 1s            # between two requests to one site
#   allow_private: ["127.0.0.1:1200"]   # an own RSSHub on this machine

defaults:                     # each of these may be repeated in a source
  every: auto                 # as often as a source brings something new, or a duration: 30m, 6h, 1d
  at_least: 60m               # auto never asks more often than this ...
  at_most: 24h                # ... and never less often
  keep: {days: 365, entries: 5000}

sources:
  # The long form. category, site and feed are the three categories of a record, and its folder.
  - name: 人人都是产品经理 最新文章
    id: woshipm-latest        # pins /source/woshipm-latest; without it, made of the URL
    url: https://www.woshipm.com/feed
    category: 新媒体
    site: 人人都是产品经理
    feed: 最新文章
    # Images that only load from the publisher's own pages go through a proxy of yours:
    # images: 'https://cors.example.workers.dev/?{url}'

  - {url: 'https://www.ruanyifeng.com/blog/atom.xml', category: 编程, site: 阮一峰的网络日志, feed: 最新文章}
  - {url: 'https://sspai.com/feed', category: 新媒体, site: 少数派, feed: 最新文章}
  - {url: 'https://www.solidot.org/index.rss', category: 科技, site: Solidot, feed: 最新文章}

  - name: Simon Willison's Weblog
    url: https://simonwillison.net/atom/everything/
    category: Engineering
    site: Simon Willison
    feed: everything

  # The short form: a URL is enough. Its category is `uncategorized`, its site the feed's own title.
  - https://planetpython.org/rss20.xml

  # More to take the # from:
  # - https://www.v2ex.com/index.xml
  # - https://hnrss.org/frontpage
  # - https://lwn.net/headlines/rss
  # - https://blog.rust-lang.org/feed.xml
  # - {url: 'https://www.theverge.com/rss/index.xml', category: Technology, site: The Verge, every: 2h}
"""
