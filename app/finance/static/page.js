// Small things that HTML alone can't do. No page needs them to work.
"use strict";

// On a phone a row is a card: every cell says which column it is of.
const label = () => document.querySelectorAll("main table.table").forEach((table) => {
  const heads = [...table.querySelectorAll("thead tr:last-child > *")].map((head) => head.textContent.replace(/[▾▴]/g, "").trim());
  if (!heads.length) return;
  table.classList.add("labelled");
  table.querySelectorAll("tbody tr, tfoot tr").forEach((row) => {
    if (row.children.length === heads.length) [...row.children].forEach((cell, index) => { cell.dataset.label = heads[index]; });
  });
});
label();
document.addEventListener("htmx:afterSwap", label);

// A filter's change asks for the list; the button is for those without scripts.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filters]");
  if (form && event.target.type !== "search" && event.target.type !== "text") form.requestSubmit();
});
document.querySelectorAll("form[data-filters] .submit").forEach((one) => one.classList.add("visually-hidden-focusable"));

// Empty filters stay out of the address.
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("form[data-filters]")) return;
  for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
});

// Single keys, outside of fields, unless they are switched off on the page of help.
const goes = { o: "/finance/orders", s: "/finance/statements", w: "/finance/waiting", h: "/finance" };
let afterG = false;
document.addEventListener("keydown", (event) => {
  if (document.body.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const key = event.key, box = document.getElementById("find");
  const turn = { n: "page-next", p: "page-previous" }[key];
  if (afterG && goes[key]) window.location.assign(goes[key]);
  else if (key === "/" && box) { event.preventDefault(); box.focus(); }
  else if (key === "?") window.location.assign("/finance/help");
  else if (turn) document.querySelector(`a#${turn}`)?.click();
  if (key !== "Shift") afterG = key === "g";
});

// The box in the heading ticks every row of the page.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-tick-all]")) return;
  event.target.closest("table").querySelectorAll("tbody input[name=id]").forEach((one) => { one.checked = event.target.checked; });
});

// A button that prints; a step that can't be taken back asks first.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
document.addEventListener("submit", (event) => {
  const typed = (name) => event.target.elements[name]?.selectedOptions?.[0]?.text ?? event.target.elements[name]?.value ?? "";
  const field = (name) => name === "title" ? document.querySelector("h1").textContent : typed(name);
  const question = event.target.dataset.confirm?.replace(/\{(\w+)\}/g, (_, name) => field(name));
  if (question && !window.confirm(question)) event.preventDefault();
});

// The menu is open where there is room for it.
const menu = document.getElementById("menu");
if (menu) {
  const roomy = window.matchMedia("(min-width: 1100px)");
  const follow = () => { menu.open = roomy.matches; };
  roomy.addEventListener("change", follow);
  follow();
}

// What unfolds over the page closes with Escape, and when one goes on to something else.
const more = document.getElementById("more");
if (more) {
  const fold = () => { if (roomyMore.matches) more.open = false; };
  const roomyMore = window.matchMedia("(min-width: 1100px)");
  more.addEventListener("keydown", (event) => { if (event.key === "Escape" && more.open) { more.open = false; more.querySelector("summary").focus(); } });
  more.addEventListener("focusout", (event) => { if (event.relatedTarget && !more.contains(event.relatedTarget)) fold(); });
  document.addEventListener("click", (event) => { if (!more.contains(event.target)) fold(); });
}

// What supports a step is folded on a phone and open where there is room.
const wide = window.matchMedia("(min-width: 768px)");
const unfold = () => document.querySelectorAll("details.fold").forEach((one) => { one.open = wide.matches; });
wide.addEventListener("change", unfold);
unfold();

// After a login in the middle of a form: back to it.
document.querySelector("form[data-resume]")?.requestSubmit();

// The text of a chosen file goes into a field, to be read and changed before it is sent.
document.querySelectorAll("[data-needs-script]").forEach((one) => { one.hidden = false; });
document.querySelectorAll("input[type=file][data-into]").forEach((input) => {
  input.addEventListener("change", async () => {
    if (input.files.length) document.getElementById(input.dataset.into).value = await input.files[0].text();
  });
});

// A page with a refusal or a notice is read from there.
const alert = document.querySelector("[role=alert]");
if (alert) { alert.tabIndex = -1; alert.focus(); }
