// aedes over TCP and in a WebSocket, both as in its examples: node aedes.mjs TCP-PORT WEBSOCKET-PORT
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { WebSocketServer, createWebSocketStream } from 'ws'

const [tcpPort, wsPort] = process.argv.slice(2).map(Number)
const aedes = await Aedes.createBroker()

// Node waits with small writes unless told otherwise; the other brokers do not.
createServer({ noDelay: true }, aedes.handle).listen(tcpPort, '127.0.0.1')

const http = createHttpServer()
const sockets = new WebSocketServer({
  server: http,
  handleProtocols: (protocols) => protocols.has('mqtt') && 'mqtt'
})
sockets.on('connection', (socket, request) => aedes.handle(createWebSocketStream(socket), request))
http.listen(wsPort, '127.0.0.1')
