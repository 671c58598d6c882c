// Reads feeds as readers built on rss-parser and on feedsmith do.
//
// Each argument, or without any each line of stdin, is the path of a file or a URL; after it, parted by tabs, may stand
// which of the two is to read it. For each one a line of JSON is printed: {"rss-parser": Read, "feedsmith": Read}, where Read is {"status", "entries"} or {"error"}, and an entry is
// {"id", "title", "link", "date", "updated", "author", "content", "summary", "enclosures", "categories"}: dates are
// ISO 8601 in UTC, enclosures [url, type, length]; null is what the library did not find. Of a JSON feed rss-parser
// says an error. A URL is fetched by rss-parser itself, without condition; for feedsmith, which parses only, with
// If-None-Match where an ETag is known: a 304 has the entries null.
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseFeed } from "feedsmith";
import RssParser from "rss-parser";

const all = { keepArray: true };
const rssParser = new RssParser({
  customFields: {
    item: [["link", "links", all], ["category", "category", all], ["media:content", "media", all], "updated", ["atom:updated", "updated"]],
  },
});
const tags = new Map(); // ETag by URL

const isUrl = (place) => /^https?:\/\//.test(place);
const iso = (said) => (said ? new Date(said).toISOString() : null);
const orNull = (found) => found ?? null;

async function byRssParser(place) {
  const feed = isUrl(place) ? await rssParser.parseURL(place) : await rssParser.parseString(await readFile(place, "utf8"));
  return { status: 200, entries: feed.items.map(ofRssParser) };
}

function ofRssParser(item) {
  const links = (item.links ?? []).map((link) => link.$ ?? {}).filter(({ rel }) => rel === "enclosure");
  const media = (item.media ?? []).map(({ $ }) => $);
  const enclosures = [item.enclosure, ...media, ...links].filter(Boolean);
  return {
    id: orNull(item.guid ?? item.id),
    title: orNull(item.title),
    link: orNull(item.link),
    date: orNull(item.isoDate),
    updated: iso(item.updated),
    author: orNull(item.creator ?? item.author),
    content: orNull(item["content:encoded"] ?? item.content),
    summary: orNull(item.summary ?? (item["content:encoded"] && item.content)),
    enclosures: enclosures.map((one) => [one.url ?? one.href, orNull(one.type), Number(one.length ?? one.fileSize) || null]),
    categories: (item.category ?? []).map((one) => one.$?.term ?? one._ ?? one),
  };
}

async function byFeedsmith(place) {
  const [status, text] = isUrl(place) ? await fetched(place) : [200, await readFile(place, "utf8")];
  if (status === 304) return { status, entries: null };
  const { format, feed } = parseFeed(text);
  return { status, entries: (feed.entries ?? feed.items ?? []).map(OF_FEEDSMITH[format]) };
}

async function fetched(url) {
  const known = tags.get(url);
  const answer = await fetch(url, { headers: known ? { "If-None-Match": known } : {} });
  if (answer.status !== 304 && !answer.ok) throw new Error(`Status code ${answer.status}`);
  if (answer.headers.get("etag")) tags.set(url, answer.headers.get("etag"));
  return [answer.status, await answer.text()];
}

const OF_FEEDSMITH = {
  atom: (entry) => ({
    id: orNull(entry.id),
    title: orNull(entry.title?.value),
    link: orNull(entry.links?.find(({ rel }) => rel === undefined || rel === "alternate")?.href),
    date: iso(entry.published),
    updated: iso(entry.updated),
    author: orNull(entry.authors?.[0]?.name),
    content: orNull(entry.content?.value),
    summary: orNull(entry.summary?.value),
    enclosures: (entry.links ?? []).filter(({ rel }) => rel === "enclosure").map(({ href, type, length }) => [href, orNull(type), orNull(length)]),
    categories: (entry.categories ?? []).map(({ term }) => term),
  }),
  rss: (item) => ({
    id: orNull(item.guid?.value),
    title: orNull(item.title),
    link: orNull(item.link),
    date: iso(item.pubDate),
    updated: iso(item.atom?.updated),
    author: orNull(item.dc?.creators?.[0]),
    content: orNull(item.content?.encoded),
    summary: orNull(item.description),
    enclosures: [...(item.enclosures ?? []), ...(item.media?.contents ?? [])].map(({ url, type, length, fileSize }) => [
      url,
      orNull(type),
      (length ?? fileSize) || null,
    ]),
    categories: (item.categories ?? []).map(({ name }) => name),
  }),
  json: (item) => ({
    id: orNull(item.id),
    title: orNull(item.title),
    link: orNull(item.url),
    date: iso(item.date_published),
    updated: iso(item.date_modified),
    author: orNull(item.authors?.[0]?.name),
    content: orNull(item.content_html ?? item.content_text),
    summary: orNull(item.summary),
    enclosures: (item.attachments ?? []).map(({ url, mime_type, size_in_bytes }) => [url, orNull(mime_type), orNull(size_in_bytes)]),
    categories: item.tags ?? [],
  }),
};

const LIBRARIES = { "rss-parser": byRssParser, feedsmith: byFeedsmith };

async function told(line) {
  const [place, ...named] = line.split("\t");
  const wanted = Object.entries(LIBRARIES).filter(([name]) => !named.length || named.includes(name));
  const reading = wanted.map(([name, read]) => read(place).catch((fault) => ({ error: String(fault.message ?? fault) })).then((found) => [name, found]));
  return JSON.stringify(Object.fromEntries(await Promise.all(reading)));
}

const lines = process.argv.length > 2 ? process.argv.slice(2) : createInterface({ input: process.stdin });
for await (const line of lines) process.stdout.write(`${await told(line)}\n`);
