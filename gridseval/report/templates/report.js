"use strict";
// Adds a filter to tables that are complete without it.
(() => {
  const form = document.querySelector(".filter");
  const output = form.querySelector("output");
  const nothing = document.querySelector(".nothing");
  const groups = [...document.querySelectorAll(".group")].map((element) => ({
    element,
    count: element.querySelector(".count"),
    label: element.querySelector(".name").textContent.toLowerCase(),
    rows: [...element.querySelectorAll("tbody tr")].map((row) => ({
      row,
      text: row.textContent.toLowerCase(),
    })),
    openedBy: null,
  }));
  const total = groups.reduce((sum, group) => sum + group.rows.length, 0);

  function showGroup(group, wanted) {
    const words = wanted.words.filter((word) => !group.label.includes(word));
    const here = !wanted.group || group.element.dataset.group === wanted.group;
    let shown = 0;
    for (const { row, text } of group.rows) {
      const fits = here && (!wanted.status || row.dataset.status === wanted.status)
        && words.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    const all = group.rows.length;
    group.element.hidden = wanted.active && shown === 0;
    group.count.textContent = shown === all ? `${all} episodes` : `${shown} of ${all} episodes`;
    // Opens what matches, and closes again only what it has opened itself.
    if (wanted.active && shown && !group.element.open) {
      group.element.open = true;
      group.openedBy = form;
    } else if (!wanted.active && group.openedBy) {
      group.element.open = false;
      group.openedBy = null;
    }
    return shown;
  }

  function apply() {
    const status = form.elements.status.value;
    const group = form.elements.group.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = Boolean(status || group || words.length);
    const wanted = { status, group, words, active };
    const shown = groups.reduce((sum, each) => sum + showGroup(each, wanted), 0);
    output.value = `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} episodes`;
    nothing.hidden = shown > 0 || total === 0;
  }

  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches(".group")) target.open = true;
  }

  form.hidden = total === 0;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  window.addEventListener("hashchange", openTarget);
  // "toggle" does not bubble, but it can be caught on its way down.
  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches(".clip")) return;
    const video = target.querySelector("video");
    if (target.open) video.play().catch(() => {});
    else video.pause();
  }, true);
  // A page that is reloaded may bring its fields' values back.
  window.addEventListener("pageshow", apply);
  apply();
  openTarget();
})();
