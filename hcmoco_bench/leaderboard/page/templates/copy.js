// Copies of the rows on screen, as CSV, LaTeX or BibTeX.
const shownRows = () => findAll("#scores tr[data-row]").filter((row) => !row.hidden);

function csvCell(text) {
  // Spreadsheets run texts that begin like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?(e-?\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function asCsv() {
  const lines = [headers.map((header) => header.dataset.name)];
  for (const row of shownRows()) lines.push([...row.cells].map((cell) => cell.dataset.value));
  return lines.map((line) => `${line.map(csvCell).join(",")}\r\n`).join("");
}

const LATEX = {
  "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "–": "--", "±": "$\\pm$",
  "<": "\\textless{}", ">": "\\textgreater{}", "\n": " ", "\r": " ", "\t": " ", "\u00a0": "~", "|": "\\textbar{}",
};

const latexCell = (text) => text.trim().replace(/[\\~^–±<>\n\r\t\u00a0|{}$&#_%]/g, (letter) => LATEX[letter] ?? `\\${letter}`);

function asLatex() {
  const line = (cells) => `${cells.map(latexCell).join(" & ")} \\\\`;
  const sides = headers.map((header) => (header.dataset.kind === "number" ? "r" : "l")).join("");
  return [
    "% needs \\usepackage{booktabs}", `\\begin{tabular}{${sides}}`, "\\toprule",
    line(headers.map((header) => header.textContent)), "\\midrule",
    ...shownRows().map((row) => line([...row.cells].map((cell) => cell.dataset.shown ?? cell.dataset.value))),
    "\\bottomrule", "\\end{tabular}", "",
  ].join("\n");
}

function asBibtex() {
  const entries = JSON.parse(find("#citations").textContent);
  const keys = new Set(shownRows().flatMap((row) => row.dataset.cite.split(" ")));
  return entries.filter(([key]) => keys.has(key)).map(([, entry]) => entry).join("\n");
}

async function copy(text, what) {
  const area = find("#copied"), told = find("#copied-what");
  area.value = text;
  area.parentElement.hidden = false;
  const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  if (!done) area.select(); // Pages that come by plain HTTP have no clipboard.
  told.textContent = done || document.execCommand("copy") ? `${what} copied:` : `Select and copy this ${what}:`;
}

const FORMS = { CSV: asCsv, LaTeX: asLatex, BibTeX: asBibtex };
for (const button of findAll("[data-copy]")) {
  const what = button.dataset.copy;
  button.addEventListener("click", () => copy(FORMS[what](), what));
}
