'use strict'
// Keeps a published hyperswarm program, which takes no options, on the network of the tests:
//   NODE_OPTIONS=--require=.../loopback.cjs SYMMETRY_BOOTSTRAP=127.0.0.1:PORT node program.js
// Every module that asks for hyperdht gets one that begins at our node, binds to 127.0.0.1, and names no other address.
const Module = require('module')

const spec = /^127\.0\.0\.1:(\d+)$/.exec(process.env.SYMMETRY_BOOTSTRAP || '')
if (!spec) throw new Error('SYMMETRY_BOOTSTRAP must be 127.0.0.1:PORT: this program must not leave the machine')
const options = { bootstrap: [{ host: '127.0.0.1', port: Number(spec[1]) }], nodes: [], host: '127.0.0.1', firewalled: false }

const confined = new Map()
function confine (DHT, file) {
  if (!confined.has(DHT)) {
    const puncher = Module.createRequire(file)('./lib/holepuncher.js')
    puncher.localAddresses = (socket) => [{ host: '127.0.0.1', port: socket.address().port }]
    const Confined = class extends DHT {
      constructor (given = {}) {
        super({ ...given, ...options })
      }
    }
    confined.set(DHT, Confined)
    confined.set(Confined, Confined)
  }
  return confined.get(DHT)
}

const load = Module._load
Module._load = function (request, parent, isMain) {
  const loaded = load.call(this, request, parent, isMain)
  return request === 'hyperdht' ? confine(loaded, Module._resolveFilename(request, parent, isMain)) : loaded
}
