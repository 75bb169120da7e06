'use strict'
// A whole Symmetry network on 127.0.0.1, for tests: DHT nodes, the matchmaking server, and providers that obey.
// Speaks as the published symmetry-server and symmetry-core do, silences included.
//
//   node network.cjs MODULES network FRAMING..      everything in one process; a provider for each framing,
//                                                   with the model `model-FRAMING`
//   node network.cjs MODULES provider BOOTSTRAP SERVERKEY MODEL     one provider more, to be killed
//
// Framings: chunks (core 1.0.36 on), text (1.0.34, 1.0.35), events (before), emitter (before 1.0.14).
// The server does with some models what it never should: `refused`, `unconfirmed`, `astray`, `hangup`.
// A provider obeys words of the last message: tokens=N delay=MS SILENT HANGUP STALL DROP EMPTY ERROR UNICODE LITERAL
// ENDLESS THINK. Standard output: one line of JSON when all is ready, then one for each thing that happens. Ends with stdin.
const path = require('path')
const { createRequire } = require('module')

const [folder, mode, ...rest] = process.argv.slice(2)
const modules = createRequire(path.join(path.resolve(folder), 'network.cjs'))
const DHT = modules('hyperdht')
const inner = createRequire(modules.resolve('hyperdht'))
const sodium = inner('sodium-universal')
const createTestnet = inner('./testnet.js')

const HOST = '127.0.0.1'
inner('./lib/holepuncher.js').localAddresses = (socket) => [{ host: HOST, port: socket.address().port }]

const tell = (event) => process.stdout.write(JSON.stringify(event) + '\n')
const message = (key, data) => JSON.stringify({ key, data })
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const hex = (buffer) => buffer.toString('hex')

function read (frame) {
  try {
    const value = JSON.parse(frame.toString())
    return value !== null && typeof value === 'object' ? value : {}
  } catch {
    return {}
  }
}

function topicOf (key) {
  const topic = Buffer.alloc(32)
  sodium.crypto_generichash(topic, Buffer.from('hypercore'), key)
  return topic
}

// Two peers at one address cannot punch holes towards each other: everybody who listens says that nothing is in the way.
const nodes = []
function makeNode (bootstrap) {
  const node = new DHT({ bootstrap, host: HOST, firewalled: false })
  nodes.push(node)
  return node
}

async function serve (bootstrap) {
  const node = makeNode(bootstrap)
  const pair = DHT.keyPair()
  const providers = new Map() // id -> what it said when it joined
  const sessions = new Map() // token -> {id, provider}
  const answers = {
    join (peer, id, data) {
      providers.set(id, data)
      peer.write(message('joinAck', { status: 'success', key: id }))
      peer.write(message('healthCheck', { timestamp: Date.now(), requestId: id }))
    },
    healthCheck (peer) {
      peer.write(message('healthCheckAck'))
    },
    requestProvider (peer, id, data) {
      tell({ at: 'server', event: 'asked', peer: id, model: data.modelName })
      if (data.modelName === 'hangup') return peer.destroy()
      const odd = ['refused', 'unconfirmed', 'astray'].includes(data.modelName)
      const fitting = [...providers].filter(([, provider]) => odd || provider.modelName === data.modelName)
      if (!fitting.length) return // the real one says nothing either
      const [providerId, provider] = fitting[Math.floor(Math.random() * fitting.length)]
      const sessionToken = `${data.modelName}-${sessions.size}`
      sessions.set(sessionToken, provider)
      peer.write(message('providerDetails', { providerId, sessionToken }))
    },
    verifySession (peer, id, token) {
      const provider = sessions.get(token)
      if (!provider || token.startsWith('unconfirmed')) return
      if (token.startsWith('refused')) return peer.write(message('sessionValid', { valid: false, error: 'no seats' }))
      const discoveryKey = token.startsWith('astray') ? hex(topicOf(pair.publicKey)) : provider.discoveryKey
      const { modelName, name } = provider
      peer.write(message('sessionValid', { discoveryKey, modelName, name, provider: null }))
    }
  }
  const server = node.createServer((peer) => {
    const id = hex(peer.remotePublicKey)
    peer.on('error', () => {})
    peer.on('close', () => providers.delete(id))
    peer.on('data', (frame) => {
      const { key, data } = read(frame)
      if (Object.hasOwn(answers, key)) answers[key](peer, id, data)
    })
  })
  await server.listen(pair)
  for (const key of [hex(pair.publicKey), '0'.repeat(63) + '1']) {
    // The second is the key of nobody, and whoever takes this one for its holder is deceived.
    await node.announce(topicOf(Buffer.from(key, 'utf8')), pair).finished()
  }
  return pair.publicKey
}

const WORDS = { UNICODE: 'žluť 🦊\u2028 ', LITERAL: '{"key":"inferenceEnded"} inferenceEnded ' }

class Chat {
  constructor (peer, framing, request) {
    this.peer = peer
    this.framing = framing
    this.request = request
    this.text = request.messages[request.messages.length - 1].content
    this.sent = 0
  }

  asks (word) {
    return this.text.includes(word)
  }

  number (name, otherwise) {
    const found = new RegExp(`${name}=(\\d+)`).exec(this.text)
    return found ? Number(found[1]) : otherwise
  }

  chunk (delta, reason = null) {
    const choices = [{ index: 0, delta, finish_reason: reason }]
    return JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'm', choices })
  }

  send (delta, reason) {
    if (this.framing === 'chunks') return this.peer.write(this.chunk(delta, reason))
    if (this.framing === 'text') return delta.content ? this.peer.write(delta.content) : undefined
    const bytes = Buffer.from(`data: ${this.chunk(delta, reason)}\n\n`)
    const cut = 3 + (this.sent * 7) % (bytes.length - 3) // anywhere, in the middle of a character too
    this.peer.write(bytes.subarray(0, cut))
    this.peer.write(bytes.subarray(cut))
  }

  async answer () {
    if (this.asks('SILENT')) return
    if (this.asks('HANGUP')) return this.peer.destroy()
    if (this.framing === 'emitter') this.peer.write(JSON.stringify({ symmetryEmitterKey: this.request.key }))
    if (this.asks('ERROR')) {
      this.peer.write(message('inferenceError', { requestId: 'r', error: 'the model\u001b[31m fell over' }))
      return
    }
    if (!this.asks('EMPTY') && !await this.pieces()) return
    this.peer.write(message('inferenceEnded', this.request.key))
    tell({ at: 'provider', event: 'ended', sent: this.sent })
  }

  // False when the answer breaks off.
  async pieces () {
    const count = this.asks('ENDLESS') ? Infinity : this.number('tokens', 5)
    const delay = this.number('delay', 1)
    this.send({ role: 'assistant', content: '' })
    if (this.asks('THINK')) this.send({ content: '<think>hm</think>' })
    for (; this.sent < count; this.sent++) {
      if (this.peer.destroyed) return false
      if (this.sent >= count / 2 && this.asks('STALL')) return false
      if (this.sent >= count / 2 && this.asks('DROP')) return this.peer.destroy() && false
      const word = Object.keys(WORDS).find((name) => this.asks(name))
      this.send({ content: word ? WORDS[word] : `tok${this.sent} ` })
      if (delay || this.sent % 64 === 0) await sleep(delay)
    }
    this.send({}, 'stop')
    return true
  }
}

async function provide (bootstrap, serverKey, framing, model) {
  const node = makeNode(bootstrap)
  const identity = DHT.keyPair()
  const listening = DHT.keyPair() // the real one listens with another key than its own, too
  const topic = topicOf(identity.publicKey)
  const server = node.createServer((peer) => {
    const id = hex(peer.remotePublicKey)
    peer.on('error', () => {})
    peer.on('close', () => tell({ at: 'provider', event: 'left', peer: id }))
    peer.on('data', (frame) => {
      const { key, data } = read(frame)
      if (key !== 'inference') return
      tell({ at: 'provider', event: 'asked', peer: id, messages: data.messages.map(({ role, content }) => [role, content.slice(0, 80)]) })
      new Chat(peer, framing, data).answer()
    })
  })
  await server.listen(listening)
  await node.announce(topic, listening).finished()
  const link = node.connect(serverKey, { keyPair: identity })
  link.on('error', () => {})
  const name = `fixture\n${framing}\u202e`
  const discoveryKey = hex(topic)
  await new Promise((resolve) => {
    link.on('data', (frame) => { if (read(frame).key === 'joinAck') resolve() })
    link.on('open', () => link.write(message('join', { modelName: model, name, discoveryKey, maxConnections: 10, symmetryCoreVersion: '1.0.46', apiKey: '' })))
  })
  return { id: hex(identity.publicKey), model }
}

async function main () {
  if (mode === 'provider') {
    const [bootstrap, serverKey, model] = rest
    const [host, port] = bootstrap.split(':')
    return tell(await provide([{ host, port: Number(port) }], Buffer.from(serverKey, 'hex'), 'chunks', model))
  }
  const net = await createTestnet(3, { host: HOST })
  const serverKey = await serve(net.bootstrap)
  const providers = []
  for (const framing of rest) providers.push(await provide(net.bootstrap, serverKey, framing, `model-${framing}`))
  tell({ bootstrap: net.bootstrap.map(({ host, port }) => `${host}:${port}`), serverKey: hex(serverKey), providers })
}

process.stdin.on('end', async () => {
  setTimeout(() => process.exit(0), 1000)
  if (mode === 'provider') await Promise.all(nodes.map((node) => node.destroy()))
  process.exit(0)
})
process.stdin.resume()
process.stdout.on('error', () => process.exit(0))
main().catch((error) => { console.error(error); process.exit(1) })
