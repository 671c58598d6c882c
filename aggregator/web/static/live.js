// Optional: a page that shows what is new while it is looked at. Without this file everything works by loading it anew.
// What a reader has opened, selected or scrolled to is never taken away: then a line says that there is something new.
"use strict";
(() => {
  const part = document.getElementById("live");
  const from = document.body.dataset.events;
  if (!part || !from || !window.EventSource) return;
  const ofEntries = Boolean(part.querySelector(".day, .empty")) && !part.querySelector(".sources");
  const news = document.createElement("p");
  news.className = "news";
  news.setAttribute("role", "status");
  part.before(news);
  let seen = null;
  let waiting = false;

  const busy = () =>
    window.scrollY > 300 ||
    part.contains(document.activeElement) ||
    part.querySelector("details[open]") ||
    String(window.getSelection());

  const load = async () => {
    waiting = false;
    const answer = await fetch(location.href, { cache: "no-cache" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (!fresh || fresh.innerHTML === part.innerHTML) return;
    if (busy()) {
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = "Show what is new";
      news.replaceChildren(link);
      return;
    }
    news.replaceChildren();
    part.replaceChildren(...fresh.childNodes);
  };

  const events = new EventSource(from);
  events.addEventListener("changed", (event) => {
    const now = ofEntries ? event.data.split(" ")[0] : event.data;
    if (now === seen || waiting) return;
    seen = now;
    waiting = true;
    setTimeout(() => load().catch(() => {}), ofEntries ? 500 : 5000);
  });
  addEventListener("pagehide", () => events.close());
})();
