/** Calls to the service; what goes wrong comes back as a sentence and what mends it. */
import { stored } from "./store.js";
import { t } from "./words.js";

const token = stored("token", null);
let ask = async () => null;

/** Say how a token is asked for: an async function (refused: bool) => token or null. */
export function onToken(action) {
  ask = action;
}

/** What the service, or the way to it, refused. */
export class ServiceError extends Error {
  constructor({ status = 0, what, where = "", remedy = "", wait = null }) {
    super(what);
    Object.assign(this, { status, what, where, remedy, wait });
  }
}

/**
 * Call the service.
 * @param {string} method GET, POST, DELETE.
 * @param {string} path Relative to the page, its parts encoded: see `path`.
 * @param {Object|FormData|null} body Sent as JSON, or as a form with files.
 * @param {{as?: "json"|"blob"}} how What comes back.
 */
export async function call(method, path, body = null, { as = "json" } = {}) {
  for (;;) {
    const answer = await send(method, path, body);
    if (answer.ok) return answer.status === 204 ? null : await answer[as]();
    if (answer.status !== 401) throw await refusal(answer);
    const given = await ask(token.value !== null);
    if (given === null) throw await refusal(answer);
    token.value = given;
  }
}

/** An address of parts that may hold any character. */
export function path(...parts) {
  return parts.map(encodeURIComponent).join("/");
}

async function send(method, address, body) {
  const headers = { Accept: "application/json", "X-Polytask": "1" };
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  if (body && !(body instanceof FormData)) headers["Content-Type"] = "application/json";
  const sent = body && !(body instanceof FormData) ? JSON.stringify(body) : body;
  try {
    return await fetch(new URL(address, document.baseURI), { method, headers, body: sent });
  } catch {
    throw new ServiceError({ what: t("error.network"), remedy: t("error.network.remedy") });
  }
}

async function refusal(answer) {
  const said = await answer.json().catch(() => ({}));
  const wait = Number(answer.headers.get("Retry-After")) || null;
  const error = said.error ?? {};
  return new ServiceError({
    status: answer.status,
    what: error.what || t("error.status", { status: answer.status }),
    where: error.where || "",
    remedy: error.remedy || remedyOf(answer.status),
    wait,
  });
}

/** What mends a status, where the service does not say it: what it prints helps with its own faults alone. */
function remedyOf(status) {
  if (status === 413) return t("error.large.remedy");
  return status >= 500 ? t("error.status.remedy") : "";
}

/** Fetch a file and hand it to the browser to save. */
export async function download(address, name) {
  save(await call("GET", address, null, { as: "blob" }), name);
}

/** Hand something to the browser to save as a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
