// Says whether the page can be kept on this phone; logging out forgets what it kept.

import { forgetAll } from "./forget.js";
import { t } from "./words.js";

if (!window.isSecureContext) {
  document.querySelector("#install .secure").hidden = true;
  document.querySelector("#install .plain").hidden = false;
}

const form = document.getElementById("logout");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const isUnsent = Object.keys(localStorage).some((key) => key.startsWith("shelfwatch.action."));
  if (isUnsent && !window.confirm(t("logout.unsent"))) return;
  await forgetAll().catch(() => {});
  form.submit();
});
