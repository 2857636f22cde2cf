// Node's `ws` against the hub: what it agrees on, and whether it comes back as it went. Arguments: the hub's HTTP address. Prints one line of
// JSON with what happened; what is expected stands in the test.
import { WebSocket } from 'ws';

const address = process.argv[2].replace('http', 'ws');

function open(path, protocols = []) {
  const socket = new WebSocket(address + path, protocols);
  const frames = [];
  const waiting = [];
  socket.on('message', (data, isBinary) => {
    const frame = { isBinary, data };
    const next = waiting.shift();
    if (next) next(frame);
    else frames.push(frame);
  });
  const next = () => (frames.length ? Promise.resolve(frames.shift()) : new Promise((done) => waiting.push(done)));
  return new Promise((done, fail) => {
    socket.on('open', () => done({ socket, next }));
    socket.on('error', fail);
  });
}

const closed = (socket) => new Promise((done) => socket.on('close', (code, reason) => done([code, reason.toString()])));
const seen = {};

const echo = await open('/api/ws/echo');
seen.extensions = echo.socket.extensions;
echo.socket.send('he', { fin: false });
echo.socket.ping('between');
const pong = new Promise((done) => echo.socket.on('pong', (data) => done(data.toString())));
echo.socket.send('llo');
seen.fragments = (await echo.next()).data.toString();
seen.pong = await pong;
const large = Buffer.alloc(1_000_000, 7);
echo.socket.send(large);
seen.large = (await echo.next()).data.equals(large);
const farewell = closed(echo.socket);
echo.socket.close(4321, 'enough');
seen.farewell = await farewell;

const api = await open('/api/ws', ['housewire.v1.json']);
seen.protocol = api.socket.protocol;
api.socket.send(JSON.stringify([{ op: 'ping', id: 1 }, { op: 'ping', id: 'two' }]));
seen.answers = [JSON.parse((await api.next()).data), JSON.parse((await api.next()).data)];
api.socket.terminate();

const cbor = await open('/api/ws', ['housewire.v1.cbor']);
cbor.socket.send(Buffer.from('a2626f706470696e6762696407', 'hex'));
const answer = await cbor.next();
seen.cbor = [answer.isBinary, answer.data.toString('hex')];
cbor.socket.terminate();

console.log(JSON.stringify(seen));
