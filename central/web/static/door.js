// Lets people look at the password that they type.

for (const box of document.querySelectorAll("[data-reveal]")) {
  box.closest("label").hidden = false;
  box.addEventListener("change", () => {
    for (const field of box.form.querySelectorAll("input[autocomplete$=password]")) {
      field.type = box.checked ? "text" : "password";
    }
  });
}
