// Makes the page follow the code. The state is START.PAGES.STYLES, as `live_reload.py` makes it;
// that of the page itself stands in this script's own address.
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.uncorkIsLive) return;
  window.uncorkIsLive = true;

  const SHORTEST_WAIT = 50;
  const LONGEST_WAIT = 2000;
  const address = new URL(script.src);
  const streamPath = address.pathname.replace(/\.js$/, "");
  const answersForm = script.dataset.method !== undefined;
  let shown = address.search.slice(1).split(".");
  let stream = null;
  let timer = 0;
  let wait = SHORTEST_WAIT;

  function connect() {
    clearTimeout(timer);
    // A hidden tab holds no connection: a browser has six for each server.
    if (stream || document.hidden) return;
    stream = new EventSource(streamPath);
    stream.onmessage = (event) => {
      wait = SHORTEST_WAIT;
      hear(event.data.split("."));
    };
    stream.onerror = () => {
      disconnect();
      timer = setTimeout(connect, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
  }

  function disconnect() {
    clearTimeout(timer);
    if (stream) stream.close();
    stream = null;
  }

  function hear(state) {
    const isOld = state[0] !== shown[0] || state[1] !== shown[1];
    const hasOldStyles = state[2] !== shown[2];
    shown = state;
    if (isOld) reload(state);
    else if (hasOldStyles) swapStyles();
  }

  function reload(state) {
    // To reload what answers a form sends the form again, which nobody has asked for.
    if (answersForm) return offerReload();
    // Once for each state: a page that a cache still has in its old form would do it for ever.
    const key = state[0] + "." + state[1] + " " + location.href;
    try {
      if (sessionStorage.getItem("uncork-live") === key) return;
      sessionStorage.setItem("uncork-live", key);
    } catch {
      // There is none here, such as in a sandboxed frame.
    }
    location.reload();
  }

  function offerReload() {
    if (document.getElementById("uncork-live")) return;
    const bar = document.createElement("button");
    bar.id = "uncork-live";
    bar.type = "button";
    bar.textContent = "The code has changed: reload this page";
    Object.assign(bar.style, {
      position: "fixed", bottom: "1em", right: "1em", zIndex: "2147483647", padding: "0.5em 1em",
      font: "14px system-ui, sans-serif", color: "#fff", background: "#333", border: "0",
      cursor: "pointer",
    });
    bar.onclick = () => location.reload();
    (document.body || document.documentElement).append(bar);
  }

  function swapStyles() {
    for (const link of document.querySelectorAll('link[rel~="stylesheet"][href]')) {
      const source = new URL(link.href);
      if (source.origin !== location.origin || link.dataset.uncorkOld !== undefined) continue;
      source.searchParams.set("uncork", Date.now().toString(36));
      const fresh = link.cloneNode();
      fresh.href = source.href;
      fresh.onload = () => link.remove();
      fresh.onerror = () => {
        fresh.remove();
        delete link.dataset.uncorkOld;
      };
      link.dataset.uncorkOld = "";
      link.after(fresh);
    }
  }

  document.addEventListener("visibilitychange", () => {
    wait = SHORTEST_WAIT;
    if (document.hidden) disconnect();
    else connect();
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);
  connect();
})();
