// What the terminal's script needs to know, and what it has no place for.
"use strict";
{
  const terminal = document.getElementById("terminal");
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const size = Number(new URLSearchParams(location.search).get("fontsize"));
  terminal.dataset.sessionWebsocketUrl = `${scheme}://${location.host}/ws`;
  terminal.dataset.fontSize = size >= 6 && size <= 60 ? size : 16;
  new MutationObserver((_, observer) => {
    // The terminal's script marks the body once it is connected; keys and its own messages count from then on.
    if (document.body.classList.contains("-loaded")) {
      observer.disconnect();
      document.querySelector(".xterm-helper-textarea")?.focus();
    }
  }).observe(document.body, { attributeFilter: ["class"] });
  document.getElementById("again").addEventListener("click", () => location.reload());
  if (!navigator.clipboard) {
    // Without TLS only localhost has a clipboard; the older way copies what is selected.
    const writeText = async (text) => {
      const area = document.createElement("textarea");
      const before = document.activeElement;
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      before?.focus();
    };
    Object.defineProperty(navigator, "clipboard", { value: { writeText, readText: async () => "" } });
  }
}
