// What `make bench` holds the API against: the same two routes by Fastify and ioredis, a process for each core, tuned as
// their documents advise (compiled schemas for bodies and answers, no logger, commands of one turn in one write). It
// checks the key and every event and writes one entry of the stream for each request. It does less than the API: no counters,
// no limit of memory, no rates, no BSON, and unless "once" is asked for no look-up of ids, so that what is sent twice is queued twice.
//
//   node server.mjs PORT REDIS_PORT KEY [once]      prints "listening" and the ids of its processes
import cluster from "node:cluster";
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import Fastify from "fastify";
import { Redis } from "ioredis";

const [port, redisPort, key, once] = process.argv.slice(2);

if (cluster.isPrimary) {
  const workers = Array.from({ length: availableParallelism() }, () => cluster.fork());
  let listening = 0;
  cluster.on("listening", () => {
    listening += 1;
    if (listening === workers.length) {
      console.log(`listening ${[process.pid, ...workers.map((worker) => worker.process.pid)].join(" ")}`);
    }
  });
  process.on("SIGTERM", () => process.exit(0));
} else {
  process.on("disconnect", () => process.exit(0));
  const redis = new Redis({ host: "127.0.0.1", port: Number(redisPort), enableAutoPipelining: true });
  const event = {
    type: "object",
    required: ["type", "userId"],
    additionalProperties: false,
    properties: {
      id: { type: "string", minLength: 1, maxLength: 128 },
      type: { type: "string", minLength: 1, maxLength: 200 },
      userId: { type: "string", minLength: 1, maxLength: 200 },
      timestamp: { type: "string", pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$" },
      properties: { type: "object" },
    },
  };
  const answer = (properties) => ({ 202: { type: "object", properties } });
  const app = Fastify({ bodyLimit: 5 * 1024 * 1024, ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } });
  app.addHook("onRequest", async (request, reply) => {
    if (request.headers["x-api-key"] !== key) return reply.code(401).send({ code: "unauthorized" });
  });
  const stamped = (event, now) => {
    event.id ??= randomUUID();
    event.timestamp ??= now;
    event.receivedAt = now;
    return event;
  };
  // Ids are remembered for as long as the API remembers them at least.
  const fresh = async (events) => {
    if (!once) return events;
    const marks = redis.pipeline();
    for (const { userId, id } of events) marks.set(`m:${userId}:${id}`, 1, "EX", 600, "NX");
    const results = await marks.exec();
    return events.filter((_, n) => results[n][1] === "OK");
  };
  const queue = (events) => redis.xadd("peer", "*", "e", JSON.stringify(events));

  app.post(
    "/api/v1/events",
    { schema: { body: event, response: answer({ id: { type: "string" }, status: { type: "string" } }) } },
    async (request, reply) => {
      const one = stamped(request.body, new Date().toISOString());
      const isNew = (await fresh([one])).length > 0;
      if (isNew) await queue([one]);
      return reply.code(202).send({ id: one.id, status: isNew ? "accepted" : "duplicate" });
    },
  );
  app.post(
    "/api/v1/events/batch",
    { schema: { body: { type: "array", minItems: 1, maxItems: 1000, items: event }, response: answer({ accepted: { type: "integer" } }) } },
    async (request, reply) => {
      const now = new Date().toISOString();
      for (const one of request.body) stamped(one, now);
      const events = await fresh(request.body);
      if (events.length > 0) await queue(events);
      return reply.code(202).send({ accepted: events.length });
    },
  );
  await app.listen({ host: "127.0.0.1", port: Number(port) });
}
