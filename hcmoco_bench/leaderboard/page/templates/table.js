// A board's table: sorting and filtering, with the state in the address after "#".
const table = find("#scores");
const rows = findAll("#scores tr[data-row]"), headers = [...table.tHead.rows[0].cells];
const controls = findAll("#filters [data-filter]");
const state = {};

const valueOf = (row, column) => row.cells[column].dataset.value;

function compareRows(column, descending) {
  const numeric = headers[column].dataset.kind === "number";
  return (one, other) => {
    const [a, b] = [valueOf(one, column), valueOf(other, column)];
    if (!a || !b) return !a - !b; // Missing figures come last, in both directions.
    const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
    return descending ? -order : order;
  };
}

function sortRows() {
  const column = headers.findIndex((header) => header.dataset.name === state.sort);
  const descending = state.order === "desc";
  for (const header of headers) header.removeAttribute("aria-sort");
  headers[column]?.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const ordered = column < 0 ? rows : rows.toSorted(compareRows(column, descending));
  for (const body of table.tBodies) body.append(...ordered.filter((row) => row.parentNode === body));
}

const TESTS = {
  q: (row, text) => text.toLowerCase().split(/\s+/).every((word) => row.textContent.toLowerCase().includes(word)),
  level: (row, least) => Number(row.dataset.level) >= Number(least),
  labels: (row, share) => row.dataset.labels === share,
  method: (row, method) => row.dataset.method === method,
};

function filterRows() {
  for (const row of rows) {
    row.hidden = !Object.entries(TESTS).every(([name, test]) => !state[name] || test(row, state[name]));
  }
  for (const body of table.tBodies) body.hidden = ![...body.querySelectorAll("tr[data-row]")].some((row) => !row.hidden);
  const shown = rows.filter((row) => !row.hidden).length;
  find("#shown").textContent = `${shown} of ${rows.length} rows`;
}

function show() {
  for (const control of controls) control.value = state[control.dataset.filter] ?? "";
  sortRows();
  filterRows();
}

function change(changes) {
  Object.assign(state, changes);
  const set = Object.entries(state).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(set)}`);
  show();
}

function restore() {
  const text = location.hash.slice(1);
  if (text && !text.includes("=")) return; // An anchor.
  for (const name of Object.keys(state)) delete state[name];
  for (const [name, value] of new URLSearchParams(text)) state[name] = value;
  for (const { options, dataset: { filter } } of controls) { // A value that no option has would hide every row.
    if (options && ![...options].some(({ value }) => value === state[filter])) delete state[filter];
  }
  show();
}

for (const header of headers) {
  const { name, first } = header.dataset;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...header.childNodes);
  header.append(button);
  button.addEventListener("click", () => {
    const order = state.sort !== name ? first : state.order === first ? (first === "asc" ? "desc" : "asc") : "";
    change({ sort: order && name, order });
  });
}
for (const control of controls) {
  control.addEventListener("input", () => change({ [control.dataset.filter]: control.value }));
}
for (const part of findAll(".needs-script")) part.hidden = false;
addEventListener("hashchange", restore);
restore();
