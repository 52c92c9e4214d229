// <a data-auto-return href="https://the-app.example/…">: goes back to the app by itself. A form's answer may not redirect to
// another origin under our CSP, so the last page of an authorisation carries this link, and this script follows it.
// `replace` keeps the finished authorisation out of the browser's history.
export function wireReturnLink(root) {
  const link = root.querySelector("a[data-auto-return]");
  if (link && /^https?:$/.test(link.protocol)) location.replace(link.href);
}
