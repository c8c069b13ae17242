// Before the first paint, so that a dark page never flashes light. A file of its own: inline scripts are refused.
(() => {
  let theme = "system";
  try {
    theme = localStorage.getItem("theme") || theme;
  } catch {
    // Storage is off: the system's theme it is.
  }
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
