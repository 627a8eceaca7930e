// Follows the stream of a page: puts changed sections in place, and keeps what the reader has opened, focused or selected.
"use strict";
(() => {
  const url = document.body.dataset.live;
  const status = document.getElementById("live");
  if (!url || !status || !window.EventSource) return;

  // Pause before another stream, where the server has no room for one.
  const RETRY_MS = 15000;
  const pending = new Map();
  let source = null;
  let retry = 0;
  let stale = status.textContent;

  // The status is announced by screen readers, so it changes only with its meaning.
  const say = (text) => {
    if (status.textContent !== text) status.textContent = text;
  };

  const isSelecting = (section) => {
    const selection = document.getSelection();
    return selection !== null && !selection.isCollapsed && selection.containsNode(section, true);
  };

  // A name for the focused element that its successor has, too.
  const nameOf = (element) => {
    if (element.id) return "#" + CSS.escape(element.id);
    const href = element.getAttribute("href");
    if (href !== null) return 'a[href="' + CSS.escape(href) + '"]';
    const label = element.getAttribute("aria-label");
    if (label !== null) return '[aria-label="' + CSS.escape(label) + '"]';
    const details = element.closest("details[id]");
    return details === null ? null : "#" + CSS.escape(details.id) + " > summary";
  };

  const put = (section, html) => {
    const open = Array.from(section.querySelectorAll("details[open]"), (details) => details.id);
    const scrolls = Array.from(section.querySelectorAll(".scroll"), (box) => [box.scrollLeft, box.scrollTop]);
    const focused = section.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    section.innerHTML = html;
    for (const id of open) {
      const details = document.getElementById(id);
      if (details !== null && section.contains(details)) details.open = true;
    }
    section.querySelectorAll(".scroll").forEach((box, at) => {
      if (scrolls[at] !== undefined) [box.scrollLeft, box.scrollTop] = scrolls[at];
    });
    const successor = focused === null ? null : section.querySelector(focused);
    if (successor !== null) successor.focus({ preventScroll: true });
  };

  const settle = () => {
    for (const [id, html] of pending) {
      const section = document.getElementById(id);
      if (section !== null && isSelecting(section)) continue;
      pending.delete(id);
      if (section !== null) put(section, html);
    }
  };

  const close = () => {
    clearTimeout(retry);
    if (source !== null) source.close();
    source = null;
  };

  const follow = (address) => {
    close();
    source = new EventSource(address);
    source.addEventListener("open", () => say(stale || "Live"));
    source.addEventListener("sections", (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) pending.set(id, html);
      settle();
      say(stale || "Live");
    });
    source.addEventListener("stale", (event) => {
      stale = JSON.parse(event.data);
      say(stale || "Live");
    });
    source.addEventListener("error", () => {
      say("Not live: the connection is lost. It is tried again.");
      // The version of the page is of its first moment, so later streams begin with all sections.
      const again = url.replace(/&version=[^&]*/, "");
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(() => follow(again), RETRY_MS);
    });
  };

  // A page that nobody sees costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else follow(url.replace(/&version=[^&]*/, ""));
  });
  document.addEventListener("selectionchange", settle);
  if (!document.hidden) follow(url);
})();
