// Runs one Node handler file: events come and answers go, a JSON document on each line, over the
// descriptor that the first argument names. Standard output and error are the handler's own log.
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { pathToFileURL } from "node:url";

const [descriptor, file, handlerName] = process.argv.slice(2);
process.argv.splice(1);
const line = new Socket({ fd: Number(descriptor), readable: true, writable: true });
line.on("error", () => process.exit(0));
line.on("end", () => process.exit(0));

function failure(error) {
  if (error instanceof Error) {
    return { errorMessage: error.message, errorType: error.name };
  }
  if (error === undefined || error === null) {
    return { errorMessage: null, errorType: null };
  }
  return { errorMessage: typeof error === "string" ? error : JSON.stringify(error), errorType: null };
}

function send(message) {
  line.write(JSON.stringify(message) + "\n");
}

function contextOf(call, settle) {
  return {
    functionName: call.functionName,
    invokedFunctionArn: call.arn,
    awsRequestId: call.id,
    memoryLimitInMB: String(call.memory),
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, call.deadline - Date.now()),
    done: (error, result) => settle(error, result),
    succeed: (result) => settle(null, result),
    fail: (error) => settle(error === undefined || error === null ? new Error("null") : error),
  };
}

async function run(handler, call) {
  let settled = false;
  const settle = (error, result) => {
    if (settled) return;
    settled = true;
    if (error !== undefined && error !== null) {
      send({ id: call.id, error: failure(error) });
      return;
    }
    let text;
    try {
      text = JSON.stringify({ id: call.id, result: result === undefined ? null : result });
    } catch (unserializable) {
      send({ id: call.id, error: failure(unserializable) });
      return;
    }
    line.write(text + "\n");
  };
  settleCurrent = settle;
  try {
    const returned = handler(call.event, contextOf(call, settle), settle);
    // A handler without a promise answers through the callback or the context.
    if (returned && typeof returned.then === "function") settle(null, await returned);
  } catch (error) {
    settle(error === undefined || error === null ? new Error("null") : error);
  }
}

let settleCurrent = null;
function uncaught(error) {
  console.error(error);
  if (settleCurrent) settleCurrent(error ?? new Error("null"));
  // The answer first: what ran into this is no longer to be trusted with another event.
  line.end(() => process.exit(1));
}
process.on("uncaughtException", uncaught);
process.on("unhandledRejection", uncaught);

async function load() {
  const module = file.endsWith(".cjs")
    ? createRequire(file)(file)
    : await import(pathToFileURL(file).href);
  const handler = module[handlerName] ?? module.default?.[handlerName];
  if (typeof handler !== "function") {
    const error = new Error(`${handlerName} is undefined or not exported`);
    error.name = "Runtime.HandlerNotFound";
    throw error;
  }
  return handler;
}

let buffered = "";
let handler = null;
let loadError = null;
try {
  handler = await load();
} catch (error) {
  console.error(error);
  loadError = error;
}
line.setEncoding("utf8");
line.on("data", (piece) => {
  buffered += piece;
  let end;
  while ((end = buffered.indexOf("\n")) >= 0) {
    const call = JSON.parse(buffered.slice(0, end));
    buffered = buffered.slice(end + 1);
    if (loadError) send({ id: call.id, error: failure(loadError) });
    else run(handler, call);
  }
});
