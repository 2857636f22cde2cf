// A mqtt.js client in a process of its own, to be ended with kill -9. See support/doomed.py.
import mqtt from "mqtt";

const plan = JSON.parse(process.argv[2]);
const will = plan.will && {
  topic: plan.will.topic,
  payload: Buffer.from(plan.will.payload),
  qos: plan.will.qos ?? 0,
  retain: plan.will.retain ?? false,
};
const client = await mqtt.connectAsync(`mqtt://${plan.host}:${plan.port}`, {
  protocolVersion: plan.version === "5" ? 5 : 4,
  clientId: plan.name,
  reconnectPeriod: 0,
  ...(will ? { will } : {}),
});
if (plan.report) await client.publishAsync(plan.report[0], plan.report[1], { qos: 1 });
console.log("here");
process.stdin.resume();
process.stdin.on("end", async () => {
  await client.endAsync();
  process.exit(0);
});
