// A minimal Probot app: verifies the signature, parses the body, does nothing. Told by the environment: PORT,
// WEBHOOK_SECRET, APP_ID, PRIVATE_KEY; found packages: NODE_PATH is not read for modules, so PROBOT names the folder.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.PROBOT}/`);
const { createNodeMiddleware, Probot } = await import(pathToFileURL(require.resolve("probot")));
const probot = new Probot({
  appId: process.env.APP_ID,
  privateKey: process.env.PRIVATE_KEY,
  secret: process.env.WEBHOOK_SECRET,
  logLevel: "fatal",
});
let heard = 0;
const app = (app) => {
  app.on("issues.labeled", () => {
    heard += 1;
  });
};
const middleware = await createNodeMiddleware(app, { probot, webhooksPath: "/webhook" });
createServer(middleware).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => {
  console.log(`heard ${heard}`);
  process.exit(0);
});
