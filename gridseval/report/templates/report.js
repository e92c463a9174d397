"use strict";
// Adds a filter to tables that are complete without it, and shows the longest ones in parts.
(() => {
  const form = document.querySelector(".filter");
  const output = form.querySelector("output");
  const nothing = document.querySelector(".nothing");
  const groups = [...document.querySelectorAll(".group")].map((element) => {
    const template = element.querySelector("tbody > template");
    return {
      element,
      template,
      body: element.querySelector("tbody"),
      count: element.querySelector(".count"),
      label: element.querySelector(".name").textContent.toLowerCase(),
      rows: [...(template ? template.content : element).querySelectorAll("tr")]
        .filter((row) => row.dataset.status),
      texts: null,
      matching: [],
      openedBy: null,
    };
  });
  const byElement = new Map(groups.map((group) => [group.element, group]));
  const total = groups.reduce((sum, group) => sum + group.rows.length, 0);

  // Of a long table: as many rows as are laid out quickly, and a button for as many more.
  function showPart(group, parts = 1) {
    if (!group.element.open) return;
    const most = parts * Number(group.template.dataset.rows);
    group.body.replaceChildren(group.template, ...group.matching.slice(0, most));
    const left = group.matching.length - most;
    if (left <= 0) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "more-rows";
    button.textContent = `Show more (${left.toLocaleString("en")} are left)`;
    button.addEventListener("click", () => showPart(group, parts + 1));
    const row = group.body.insertRow();
    row.insertCell().append(button);
    row.cells[0].colSpan = 6;
  }

  function showGroup(group, wanted) {
    const words = wanted.words.filter((word) => !group.label.includes(word));
    const here = !wanted.group || group.element.dataset.group === wanted.group;
    if (words.length && !group.texts) {
      group.texts = group.rows.map((row) => row.textContent.toLowerCase());
    }
    const fits = (row, index) => here && (!wanted.status || row.dataset.status === wanted.status)
      && words.every((word) => group.texts[index].includes(word));
    group.matching = wanted.active ? group.rows.filter(fits) : group.rows;
    const shown = group.matching.length;
    const all = group.rows.length;
    if (group.template) {
      showPart(group);
    } else {
      const matching = new Set(group.matching);
      for (const row of group.rows) row.hidden = !matching.has(row);
    }
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
    const group = byElement.get(target);
    if (group && group.template) showPart(group);
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
