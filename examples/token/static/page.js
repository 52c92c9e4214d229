// Sends the picture or the text to the token behind this page, shows what it has opened, then its digits.
const $ = (id) => document.getElementById(id);
let request = "";

async function ask(path, body, kind) {
  $("error").textContent = "";
  const answered = await fetch(path, { method: "POST", body, headers: { "Content-Type": kind } });
  const said = answered.ok ? await answered.json() : { error: "This could not be read." };
  if (said.error) $("error").textContent = said.error;
  return said.error ? null : said;
}

function show(said) {
  $("sign").hidden = !said;
  if (!said) return;
  request = said.text;
  $("display").lang = said.language;
  $("bank").textContent = said.bank;
  $("title").textContent = said.title;
  $("lines").replaceChildren(...said.lines.flatMap(([label, text]) => {
    const term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = label;
    value.textContent = text;
    return [term, value];
  }));
  $("pin-label").textContent = said.asks_new_pin ? "Choose a PIN of six digits" : "PIN";
  $("pin").value = $("digits").textContent = "";
  $("title").focus();
}

const readPicture = async (file) => show(await ask("/picture", file, "application/octet-stream"));
$("picture").addEventListener("change", () => { if ($("picture").files[0]) readPicture($("picture").files[0]); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) readPicture(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => { if (event.clipboardData.files[0]) readPicture(event.clipboardData.files[0]); });
$("read").addEventListener("submit", async (event) => {
  event.preventDefault();
  if ($("text").value.trim()) show(await ask("/text", JSON.stringify({ text: $("text").value }), "application/json"));
});
$("sign").addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = await ask("/digits", JSON.stringify({ text: request, pin: $("pin").value }), "application/json");
  $("pin").value = "";
  if (said) $("digits").textContent = said.digits.replace(/^(....)(....)(...)?(...)?$/, "$1 $2 $3 $4").trim();
});
