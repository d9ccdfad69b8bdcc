// Copies of the rows on screen, as CSV, LaTeX or BibTeX.
const shownRows = () => [...document.querySelectorAll("#scores tbody tr[data-row]")].filter((row) => !row.hidden);
const columnHeaders = () => [...document.getElementById("scores").tHead.rows[0].cells];

function csvCell(text) {
  // Spreadsheets run texts that begin like a formula.
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?(e-?\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function asCsv() {
  const lines = [columnHeaders().map((header) => header.dataset.name)];
  for (const row of shownRows()) lines.push([...row.cells].map((cell) => cell.dataset.value));
  return lines.map((line) => `${line.map(csvCell).join(",")}\r\n`).join("");
}

const LATEX = {
  "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "–": "--", "±": "$\\pm$",
  "<": "\\textless{}", ">": "\\textgreater{}", "\n": " ", "\r": " ", "\t": " ", "|": "\\textbar{}",
};

const latexCell = (text) => text.trim().replace(/[\\~^–±<>\n\r\t|{}$&#_%]/g, (letter) => LATEX[letter] ?? `\\${letter}`);

function asLatex() {
  const headers = columnHeaders(), line = (cells) => `${cells.map(latexCell).join(" & ")} \\\\`;
  const sides = headers.map((header) => (header.dataset.kind === "number" ? "r" : "l")).join("");
  return [
    "% needs \\usepackage{booktabs}", `\\begin{tabular}{${sides}}`, "\\toprule",
    line(headers.map((header) => header.textContent)), "\\midrule",
    ...shownRows().map((row) => line([...row.cells].map((cell) => cell.dataset.shown ?? cell.dataset.value))),
    "\\bottomrule", "\\end{tabular}", "",
  ].join("\n");
}

function asBibtex() {
  const entries = JSON.parse(document.getElementById("citations").textContent);
  const keys = new Set(shownRows().flatMap((row) => row.dataset.cite.split(" ")));
  return entries.filter(([key]) => keys.has(key)).map(([, entry]) => entry).join("\n");
}

async function copy(text, what) {
  const area = document.getElementById("copied"), told = document.getElementById("copied-what");
  area.value = text;
  area.parentElement.hidden = false;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no clipboard without HTTPS, or not allowed
    area.select();
    done = document.execCommand("copy");
  }
  told.textContent = done ? `${what} copied.` : `Select and copy this ${what}:`;
}

const FORMS = { CSV: asCsv, LaTeX: asLatex, BibTeX: asBibtex };
for (const button of document.querySelectorAll("[data-copy]")) {
  const what = button.dataset.copy;
  button.addEventListener("click", () => copy(FORMS[what](), what));
}
