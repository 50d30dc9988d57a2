// Runs in the head, before anything is painted: a reader's earlier choice of light or dark, and that scripts run.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("scripted");

  const remembered = () => {
    try {
      return localStorage.getItem("mailcensus-theme");
    } catch {
      return null; // a browser may refuse storage to files; then the choice lasts for the page
    }
  };
  const remember = (theme) => {
    try {
      localStorage.setItem("mailcensus-theme", theme);
    } catch {
      // see above
    }
  };
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  const chosen = remembered();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.getElementById("theme");
    const show = () => {
      toggle.setAttribute("aria-pressed", String(isDark()));
      document.dispatchEvent(new CustomEvent("themechange"));
    };
    toggle.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  });
})();
