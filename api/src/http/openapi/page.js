const field = document.getElementById("search");
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of document.querySelectorAll("[data-words]")) {
    const known = entry.dataset.words.toLowerCase();
    entry.classList.toggle("hidden", !words.every((word) => known.includes(word)));
  }
});
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  target?.querySelector("details")?.setAttribute("open", "");
  target?.scrollIntoView();
};
addEventListener("hashchange", open);
open();
