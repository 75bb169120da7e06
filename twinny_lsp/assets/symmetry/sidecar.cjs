'use strict'
// The wire of the Symmetry network for twinny-lsp: encrypted connections over the HyperDHT, as JSON lines on stdio.
// It knows peers and frames; what the frames mean, every time limit and every message for people are the parent's.
// Not a provider and not a node of the DHT: it listens for nobody and serves nobody.
//
//   node sidecar.cjs FOLDER        FOLDER holds node_modules/hyperdht
//
// in   {"op":"start","bootstrap":["HOST:PORT",..]}   first; an empty list is the public network
//      {"op":"open","id":N,"key":HEX|null,"topic":HEX|null}   one connection: to the holder of `key`, which the
//                                  handshake proves, or without a key to the first who is announced on `topic`
//      {"op":"send","id":N,"text":..}   one message, one frame
//      {"op":"close","id":N}
// out  {"ev":"ready","node":..,"hyperdht":..}
//      {"ev":"open","id":N}
//      {"ev":"frame","id":N,"data":BASE64}
//      {"ev":"closed","id":N,"why":..}   after `open` only, and not after the parent's own `close`
//      {"ev":"failed","code":"modules"|"arguments"|"crash","why":..}   the process ends
//
// Nothing else is ever written to standard output; it ends when standard input does.
const path = require('path')
const { createRequire } = require('module')

const LOOK_AGAIN_MS = 1000 // between two looks at a topic
const TRY_AGAIN_MS = 4000 // before a peer that failed is tried once more
const GIVE_UP_MS = 8000 // one attempt at one peer
const MAX_PEERS = 32 // tried for one connection: anybody may announce anything on a topic
const END_MS = 1000 // how long the end may take
const MAX_FRAME = 1024 * 1024 // received; an answer comes in small pieces
const LOOPBACK = '127.0.0.1'

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n')
const modules = createRequire(path.join(path.resolve(process.argv[2] || '.'), 'sidecar.cjs'))
const connections = new Map() // id -> Connection
let DHT = null
let dht = null
let ending = false

class Connection {
  constructor (id, key, topic) {
    this.id = id
    this.key = key
    this.topic = topic
    this.peer = null // the one that was opened
    this.tries = new Map() // public key -> {at, peer}
    this.query = null
    this.timer = null
    this.over = false
  }

  async look () {
    if (this.key) this.attempt(this.key, undefined)
    try {
      if (this.topic) {
        this.query = dht.lookup(this.topic)
        for await (const found of this.query) {
          for (const peer of found.peers) this.attempt(peer.publicKey, peer.relayAddresses)
        }
      }
    } catch { /* the next look may do better; the parent bounds how long */ }
    if (!this.peer && !this.over) this.timer = setTimeout(() => this.look(), LOOK_AGAIN_MS)
  }

  attempt (publicKey, relayAddresses) {
    if (this.peer || this.over || (this.key && !publicKey.equals(this.key))) return
    const name = publicKey.toString('hex')
    const known = this.tries.get(name)
    if (known ? known.peer || Date.now() - known.at < TRY_AGAIN_MS : this.tries.size >= MAX_PEERS) return
    // A fresh key pair each time: two connections cannot be told to be of one person, and do not end one another.
    const peer = dht.connect(publicKey, { keyPair: DHT.keyPair(), relayAddresses })
    const attempt = { at: Date.now(), peer }
    this.tries.set(name, attempt)
    const timer = setTimeout(() => peer.destroy(), GIVE_UP_MS)
    let why = ''
    peer.on('error', (error) => { why = error.code || error.message })
    peer.on('open', () => { clearTimeout(timer); this.opened(peer) })
    peer.on('data', (data) => { if (peer === this.peer) this.received(data) })
    peer.on('close', () => {
      clearTimeout(timer)
      attempt.peer = null
      if (peer === this.peer) this.closed(why)
    })
  }

  opened (peer) {
    if (this.peer || this.over) return peer.destroy()
    this.peer = peer
    this.stopLooking()
    say({ ev: 'open', id: this.id })
  }

  received (data) {
    if (data.byteLength > MAX_FRAME) return this.closed('a frame of more than 1 MiB')
    say({ ev: 'frame', id: this.id, data: data.toString('base64') })
  }

  send (text) {
    if (this.peer) this.peer.write(Buffer.from(text))
  }

  closed (why) {
    if (this.over) return
    this.close()
    say({ ev: 'closed', id: this.id, why })
  }

  close () {
    this.over = true
    connections.delete(this.id)
    this.stopLooking()
    if (this.peer) this.peer.destroy()
  }

  stopLooking () {
    clearTimeout(this.timer)
    if (this.query) this.query.destroy()
    for (const { peer } of this.tries.values()) if (peer && peer !== this.peer) peer.destroy()
  }
}

const key32 = (hex) => {
  if (hex === null || hex === undefined) return null
  if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/.test(hex)) throw new Error('a key is 64 hexadecimal digits')
  return Buffer.from(hex, 'hex')
}

const node = (address) => {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

const operations = {
  start ({ bootstrap }) {
    if (dht) throw new Error('started twice')
    const options = { ephemeral: true } // a guest: never turns into a node that serves others
    if (bootstrap.length) options.bootstrap = bootstrap.map(node)
    if (bootstrap.length && options.bootstrap.every(({ host }) => host === LOOPBACK)) {
      // A network on this machine stays on this machine, and is not told the addresses of its other interfaces.
      options.host = LOOPBACK
      const puncher = createRequire(modules.resolve('hyperdht'))('./lib/holepuncher.js')
      puncher.localAddresses = (socket) => [{ host: LOOPBACK, port: socket.address().port }]
    }
    dht = new DHT(options)
    dht.on('error', () => {})
    say({ ev: 'ready', node: process.versions.node, hyperdht: modules('hyperdht/package.json').version })
  },

  open ({ id, key, topic }) {
    if (!dht || connections.has(id) || !(key || topic)) throw new Error('cannot open that')
    const connection = new Connection(id, key32(key), key32(topic))
    connections.set(id, connection)
    connection.look()
  },

  send ({ id, text }) {
    const connection = connections.get(id)
    if (connection) connection.send(text)
  },

  close ({ id }) {
    const connection = connections.get(id)
    if (connection) connection.close()
  }
}

function obey (line) {
  let order = null
  try {
    order = JSON.parse(line)
  } catch {
    return fail('arguments', new Error('a line that is not JSON')) // JSON.parse's own words repeat the line
  }
  try {
    operations[order.op](order)
  } catch (error) {
    fail('arguments', error)
  }
}

function fail (code, error) {
  say({ ev: 'failed', code, why: String(error && error.message).split('\n')[0] })
  end(70)
}

async function end (code) {
  if (ending) return
  ending = true
  setTimeout(() => process.exit(code), END_MS)
  for (const connection of [...connections.values()]) connection.close()
  if (dht) await dht.destroy().catch(() => {})
  process.exit(code)
}

function listen () {
  let parts = [] // of a line that is not complete yet
  process.stdin.setEncoding('utf8')
  process.stdin.on('data', (text) => {
    const lines = text.split('\n')
    for (const line of lines.slice(0, -1)) {
      obey(parts.join('') + line)
      parts = []
    }
    parts.push(lines[lines.length - 1])
  })
  process.stdin.on('end', () => end(0))
}

process.stdout.on('error', () => end(0)) // the parent is gone
process.on('SIGTERM', () => end(0))
process.on('uncaughtException', (error) => fail('crash', error))
process.on('unhandledRejection', (error) => fail('crash', error))
try {
  DHT = modules('hyperdht')
  listen()
} catch (error) {
  fail('modules', error)
}
