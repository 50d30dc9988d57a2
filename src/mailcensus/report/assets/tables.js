// Sorting, filtering and paging of every table. Long tables carry their first page; the other rows come from a
// script file beside the report, loaded when a reader first asks for more than that page (a page opened from disk
// may not fetch).
"use strict";

(() => {
  const PAGE_ROWS = 25; // as in table_view.py
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const waiting = new Map();

  // Called by rows files: name of the table, and its further rows as HTML that the report has escaped.
  window.mailcensusRows = (name, html) => {
    waiting.get(name)?.(html);
    waiting.delete(name);
  };

  const loadRows = (name, source) =>
    new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = source;
      script.onerror = () => reject(new Error(`${source} is missing`));
      document.head.append(script);
    });

  const sortValue = (row, column) => {
    const cell = row.cells[column];
    const raw = cell.dataset.sort ?? cell.textContent.trim();
    const number = Number(raw);
    return raw === "" ? null : Number.isNaN(number) ? raw : number;
  };

  // Unknown values stay last whichever way the rest is sorted.
  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * collator.compare(String(a), String(b));
  };

  class SortableTable {
    constructor(block) {
      this.name = block.dataset.table;
      this.source = block.dataset.more || null;
      this.body = block.querySelector("tbody");
      this.headers = [...block.querySelectorAll("thead th")];
      this.count = block.querySelector(".count");
      this.pager = block.querySelector(".pager");
      this.filter = block.querySelector("input[type=search]");
      this.total = Number(block.dataset.total);
      this.rows = [...this.body.rows];
      this.shown = this.rows;
      this.page = 0;
      this.wholeText = this.count?.textContent ?? "";
      this.headers.forEach((header, i) => header.querySelector("button")?.addEventListener("click", () => this.sort(i)));
      this.filter?.addEventListener("input", () => this.refilter());
      const [back, on] = this.pager?.querySelectorAll("button") ?? [];
      back?.addEventListener("click", () => this.turn(-1));
      on?.addEventListener("click", () => this.turn(1));
      this.showPager();
    }

    async complete() {
      if (!this.source) return;
      this.loading ??= loadRows(this.name, this.source).then((html) => {
        const holder = document.createElement("template");
        holder.innerHTML = `<table><tbody>${html}</tbody></table>`;
        this.rows = this.rows.concat([...holder.content.querySelectorAll("tr")]);
        this.shown = this.rows;
        this.source = null;
      });
      await this.loading;
    }

    async sort(column) {
      const header = this.headers[column];
      const numbers = header.classList.contains("number");
      const before = header.getAttribute("aria-sort");
      const order = before === (numbers ? "descending" : "ascending") ? (numbers ? "ascending" : "descending") : numbers ? "descending" : "ascending";
      this.headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", order);
      await this.complete();
      const sign = order === "ascending" ? 1 : -1;
      const keyed = this.rows.map((row) => [sortValue(row, column), row]);
      keyed.sort((a, b) => compare(a[0], b[0], sign));
      this.rows = keyed.map(([, row]) => row);
      this.select();
    }

    async refilter() {
      await this.complete();
      this.select();
    }

    // Short tables have no filter: there the row is only marked.
    async find(words) {
      if (this.filter) this.filter.value = words;
      await this.refilter();
      const isMeant = (row) => [...row.cells].some((cell) => cell.textContent.trim() === words);
      this.rows.forEach((row) => row.classList.toggle("marked", isMeant(row)));
      this.body.scrollIntoView({ block: "center" });
    }

    async turn(by) {
      await this.complete();
      if (this.shown.length < this.rows.length && !this.filter?.value) this.shown = this.rows;
      this.page = Math.max(0, Math.min(this.page + by, this.pages() - 1));
      this.show();
    }

    select() {
      const words = (this.filter?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
      const text = (row) => (row.searchText ??= row.textContent.toLowerCase());
      this.shown = words.length ? this.rows.filter((row) => words.every((word) => text(row).includes(word))) : this.rows;
      this.page = 0;
      this.show();
    }

    pages() {
      const rows = this.source ? this.total : this.shown.length;
      return Math.max(1, Math.ceil(rows / PAGE_ROWS));
    }

    show() {
      const from = this.page * PAGE_ROWS;
      this.body.replaceChildren(...this.shown.slice(from, from + PAGE_ROWS));
      if (this.count) {
        const filtered = this.shown.length < this.rows.length;
        const number = (n) => n.toLocaleString("en");
        this.count.textContent = filtered ? `${number(this.shown.length)} of ${number(this.rows.length)} rows` : this.wholeText;
      }
      this.showPager();
    }

    showPager() {
      if (!this.pager) return;
      const pages = this.pages();
      const [back, on] = this.pager.querySelectorAll("button");
      this.pager.hidden = pages === 1;
      back.disabled = this.page === 0;
      on.disabled = this.page === pages - 1;
      this.pager.querySelector("span").textContent = `page ${this.page + 1} of ${pages}`;
    }
  }

  // Says that a table is wider than its place, as long as columns are hidden on the right.
  const watchWidth = (block) => {
    const scroll = block.querySelector(".scroll");
    const hint = block.querySelector(".wider");
    if (!scroll || !hint) return;
    const tell = () => {
      const hidden = scroll.scrollWidth - scroll.clientWidth;
      scroll.classList.toggle("scrolled", scroll.scrollLeft > 1);
      scroll.classList.toggle("cut", hidden - scroll.scrollLeft > 1);
      hint.hidden = hidden <= 1;
    };
    scroll.addEventListener("scroll", tell, { passive: true });
    new ResizeObserver(tell).observe(scroll);
    tell();
  };

  document.addEventListener("DOMContentLoaded", () => {
    const tables = new Map();
    document.querySelectorAll("[data-table]").forEach((block) => {
      tables.set(block.dataset.table, new SortableTable(block));
      watchWidth(block);
    });
    // Used by the drawing: show one host's or key's row.
    window.mailcensusFind = (name, words) => tables.get(name).find(words);
  });
})();
