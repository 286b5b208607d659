// What the Node clients have in common: the calls, a model's life cycle, the
// migrations, and the code of docs/applications.md.

'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { isDeepStrictEqual, inspect } = require('util');

const HERE = path.dirname(__dirname);
const STRATEGIES = ['cache_aside', 'read_through', 'write_through', 'write_around'];

let count = 0;
let failed = 0;

function ok(good, title, ...diagnostics) {
	count++;
	console.log(`${good ? 'ok' : 'not ok'} ${count} - ${title}`);
	if (!good) {
		failed++;
		for (const line of diagnostics) console.log('# ' + String(line).replace(/\n/g, '\n# '));
	}
	return good;
}

function same(got, expected, title) {
	return ok(isDeepStrictEqual(got, expected), title,
		'got:      ' + inspect(got, { depth: 9 }), 'expected: ' + inspect(expected, { depth: 9 }));
}

function notHere(reason) {
	console.log('1..0 # SKIP ' + reason);
	process.exit(0);
}

function needs(name) {
	try {
		return require(name);
	} catch (e) {
		return notHere(`${name} is not there: ${e.message.split('\n')[0]}`);
	}
}

// The first version of Node that will do.
function needsNode(major, minor) {
	const [have, haveMinor] = process.versions.node.split('.').map(Number);

	if (have < major || (have === major && haveMinor < minor)) {
		notHere(`it needs Node.js ${major}.${minor}, and this is ${process.versions.node}`);
	}
}

// By another session than the client's.
function psql(sql) {
	execFileSync('psql', ['-Xq', '-v', 'ON_ERROR_STOP=1', '-1'], {
		input: sql, stdio: ['pipe', 'ignore', 'inherit'],
		env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' },
	});
}

// What is in the table once what was deferred is flushed, by psql.
function stored(table) {
	if (table.endsWith('write_back')) psql(`SELECT cache.flush('${table}')`);
	return execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-c', `SELECT * FROM ${table} ORDER BY id`],
		{ encoding: 'utf8' }).split('\n');
}

// ----- values -----

function valueOf(kind, text) {
	switch (kind) {
		case 'null': return null;
		case 'int': return Number(text);
		case 'bool': return text === 'true';
		case 'bytes': return Buffer.from(text, 'hex');
		case 'ints': return text.split(',').filter((x) => x !== '').map(Number);
		case 'texts': return text.split(',');
		default: return text;		// bigint, number, interval, uuid and date, too
	}
}

// As the expected rows have it.
function textOf(value) {
	if (value === null || value === undefined) return 'null';
	if (Buffer.isBuffer(value) || value instanceof Uint8Array) return '\\x' + Buffer.from(value).toString('hex');
	if (value instanceof Date) return value.toISOString();
	if (typeof value === 'object' && /^[[{]/.test(JSON.stringify(value))) return JSON.stringify(value);
	value = String(value);
	return /^[[{]/.test(value) ? JSON.stringify(JSON.parse(value)) : value;
}

// ----- calls -----

function readCalls() {
	const calls = [];
	let call = null;

	for (const line of fs.readFileSync(path.join(HERE, 'calls.txt'), 'utf8').split('\n')) {
		if (line.startsWith('#')) continue;
		if (line === '') call = null;
		else if (!call) calls.push(call = { title: line, params: [], rows: [] });
		else if (line === 'void') call.isVoid = true;
		else if (line.startsWith('! ')) call.changed = Number(line.slice(2));
		else if (line.startsWith('? ')) call.sql = line.slice(2);
		else if (line.startsWith('> ')) call.rows.push(line.slice(2));
		else if (line.startsWith('= ')) call.twin = line.slice(2);
		else if (line.startsWith('< ')) {
			const kind = line.slice(2).split(' ')[0];

			call.params.push([kind, valueOf(kind, line.slice(3 + kind.length))]);
		} else throw new Error('what is ' + line);
	}
	return calls;
}

function sqlstate(e) {
	for (let cause = e; cause; cause = cause.original || cause.driverError || cause.cause) {
		const code = cause.originalCode || (cause.meta && cause.meta.code) || cause.code;

		if (/^[0-9A-Z]{5}$/.test(code)) return code;
		if (cause.meta && cause.meta.driverAdapterError) return sqlstate(cause.meta.driverAdapterError);
	}
	return e.code || e.name;
}

// client.connect() gives { rows(sql, values), run(sql, values), close() }; rows are
// arrays of values.  client.parameter(kind, value) is what its users give for a value.
async function calls(client) {
	psql(fs.readFileSync(path.join(HERE, 'calls.sql'), 'utf8'));
	const connection = await client.connect();

	for (const call of readCalls()) {
		const params = call.params.map(([kind, value]) => client.parameter(kind, value));

		try {
			if (call.isVoid) {
				await connection.run(call.sql, params);
				ok(true, call.title);
				continue;
			}
			if (call.changed !== undefined) {
				same(await connection.run(call.sql, params), call.changed, call.title);
				continue;
			}
			const got = await connection.rows(call.sql, params);

			if (call.twin) same(got, await connection.rows(call.twin, params), call.title);
			else same(got.map((row) => row.map(textOf).join(' | ')), call.rows, call.title);
		} catch (e) {
			ok(false, call.title, call.sql, `${sqlstate(e)}: ${e.message}`);
		}
	}
	await connection.close();
}

// ----- life cycle -----

// Compares what cache.read() and the SELECT give in one connection.
function checker(client, m, t) {
	return async (title, ...ids) => {
		const differences = [];
		const compare = async (sql, value, expected) => {
			const got = await m.rows(sql, [value]);

			if (!isDeepStrictEqual(got, expected)) {
				differences.push(sql, 'got:      ' + inspect(got, { depth: 9 }),
					'expected: ' + inspect(expected, { depth: 9 }));
			}
		};

		for (let round = 0; round < 2; round++) {	// what the first has filled is compared, too
			for (const id of ids) {
				const expected = await m.rows(`SELECT * FROM ${t} WHERE id = $1`, [id]);

				await compare(`SELECT * FROM cache.read(NULL::${t}, $1) WHERE id IS NOT NULL`, id, expected);
				await compare(`SELECT * FROM cache.read(NULL::${t}, $1::int) WHERE id IS NOT NULL`, id, expected);
			}
			const keys = client.parameter('ints', ids);

			await compare(`SELECT * FROM cache.read_many(NULL::${t}, $1::int[])`, keys,
				await m.rows(`SELECT t.* FROM unnest($1::int[]) WITH ORDINALITY k(id) JOIN ${t} t USING (id)
					ORDER BY ordinality`, [keys]));
		}
		ok(differences.length === 0, `${t}: ${title}: read as the table has it`, ...differences);
	};
}

class Undo extends Error {}

async function undone(function_) {
	try {
		await function_();
	} catch (e) {
		if (!(e instanceof Undo)) throw e;
	}
}

// modelOf(table) gives a model with create(fields), find(id), update(id, fields),
// save(id, fields), reload(id, change), delete(id), optimistic(id, version, fields),
// list(ids), transaction(f), savepoint(f) and rows(sql, values).
async function lifeCycle(client, modelOf) {
	for (const t of STRATEGIES) {
		try {
			await oneLife(client, await modelOf(t), t);
		} catch (e) {
			ok(false, `${t}: life cycle`, `${sqlstate(e)}: ${e.stack}`);
		}
	}
}

async function oneLife(client, m, t) {
	const check = checker(client, m, t);
	const id = await m.create({ name: 'lamp', price: '19.50', stock: 3 });

	await check('created', id);
	same((await m.find(id)).name, 'lamp', `${t}: found by key`);
	same(await m.update(id, { stock: 2 }), 1, `${t}: one row is updated`);
	await check('updated', id);
	await m.save(id, { name: 'desk lamp', stock: 4 });
	await check('saved', id);
	same((await m.find(id)).stock, 4, `${t}: what was saved is found`);
	same((await m.reload(id, () => psql(`UPDATE ${t} SET stock = 77 WHERE id = ${id}`))).stock, 77,
		`${t}: reloaded after another session's change`);
	await check('changed by another session', id);
	same(await m.optimistic(id, 0, { stock: 5 }), 1, `${t}: optimistic locking, first`);
	same(await m.optimistic(id, 0, { stock: 6 }), 0, `${t}: optimistic locking, too late`);
	await check('locked optimistically', id);
	const ids = [id];

	for (let i = 0; i < 3; i++) ids.push(await m.create({ name: `lamp ${i}`, stock: i }));
	same((await m.list(ids)).map((row) => row.name).sort(), ['desk lamp', 'lamp 0', 'lamp 1', 'lamp 2'],
		`${t}: list by IN`);
	await check('listed', ...ids);
	await undone(() => m.transaction(async () => {
		await m.update(id, { name: 'in a transaction' });
		await check('in a transaction that changed it', ...ids);
		throw new Undo();
	}));
	same((await m.find(id)).name, 'desk lamp', `${t}: rolled back`);
	await check('rolled back', ...ids);
	await m.transaction(async () => {
		await m.update(id, { stock: 10 });
		await check('before a savepoint', ...ids);
		await undone(() => m.savepoint(async () => {
			await m.update(id, { stock: 20 });
			await check('in a savepoint', ...ids);
			throw new Undo();
		}));
		await check('rolled back to a savepoint', ...ids);
	});
	same((await m.find(id)).stock, 10, `${t}: committed with a savepoint rolled back`);
	await check('committed', ...ids);
	await m.delete(id);
	same((await m.find(id)) || null, null, `${t}: deleted`);
	await check('deleted', ...ids);
	same(await m.rows(`SELECT outcome FROM cache.explain(NULL::${t}, $1::int)`, [ids[1]]), [['hit']],
		`${t}: answered from the cache`);
}

// For drivers without models: the connection begins, commits and rolls back.
class SqlModel {
	constructor(connection, table) {
		this.c = connection;
		this.t = table;
	}

	rows(sql, params) {
		return this.c.rows(sql, params);
	}

	async create(fields) {
		const names = Object.keys(fields);

		return (await this.rows(`INSERT INTO ${this.t} (${names.join(', ')}) VALUES (${
			names.map((_, i) => '$' + (i + 1)).join(', ')}) RETURNING id`, Object.values(fields)))[0][0];
	}

	async find(id) {
		const [row] = await this.rows(`SELECT name, stock FROM ${this.t} WHERE id = $1`, [id]);

		return row && { name: row[0], stock: row[1] };
	}

	sets(fields) {
		return Object.keys(fields).map((name, i) => `${name} = $${i + 1}`).join(', ');
	}

	update(id, fields) {
		const values = Object.values(fields);

		return this.c.run(`UPDATE ${this.t} SET ${this.sets(fields)} WHERE id = $${values.length + 1}`, [...values, id]);
	}

	save(id, fields) {
		return this.update(id, fields);
	}

	async reload(id, change) {
		change();
		return this.find(id);
	}

	delete(id) {
		return this.c.run(`DELETE FROM ${this.t} WHERE id = $1`, [id]);
	}

	optimistic(id, version, fields) {
		const values = Object.values(fields);

		return this.c.run(`UPDATE ${this.t} SET ${this.sets(fields)}, version = version + 1
			WHERE id = $${values.length + 1} AND version = $${values.length + 2}`, [...values, id, version]);
	}

	async list(ids) {
		return (await this.rows(`SELECT name FROM ${this.t} WHERE id IN (${
			ids.map((_, i) => '$' + (i + 1)).join(', ')})`, ids)).map(([name]) => ({ name }));
	}

	transaction(f) {
		return this.c.transaction(f);
	}

	savepoint(f) {
		return this.c.savepoint(f);
	}
}

// Transactions of a connection that has run(sql, values), by SQL.
const byStatements = {
	async transaction(f) {
		await this.run('BEGIN', []);
		try {
			await f();
			await this.run('COMMIT', []);
		} catch (e) {
			await this.run('ROLLBACK', []);
			throw e;
		}
	},

	async savepoint(f) {
		await this.run('SAVEPOINT s', []);
		try {
			await f();
			await this.run('RELEASE SAVEPOINT s', []);
		} catch (e) {
			await this.run('ROLLBACK TO SAVEPOINT s', []);
			throw e;
		}
	},
};

// ----- migrations -----

function readMigrations() {
	return fs.readFileSync(path.join(HERE, 'migrations.txt'), 'utf8').trim().split(/\n\n+/)
		.map((block) => block.split('\n').filter((line) => !line.startsWith('#')))
		.filter((lines) => lines.length > 0)
		.map(([title, ...change]) => ({ title, change: change.join(';\n') }));
}

// What is read, by cache.read() and by the SELECT.
const STATEMENTS = [
	['SELECT *', 'SELECT * FROM cache.read(NULL::m, $1) WHERE id IS NOT NULL', 'SELECT * FROM m WHERE id = $1'],
	['SELECT columns', 'SELECT name, price, stock FROM cache.read(NULL::m, $1) WHERE id IS NOT NULL',
		'SELECT name, price, stock FROM m WHERE id = $1'],
];

async function outcome(connection, sql) {
	try {
		return await connection.rows(sql, [1]);
	} catch (e) {
		return sqlstate(e);
	}
}

// A prepared read behaves as the prepared SELECT in another connection does.
async function migrations(client) {
	const start = fs.readFileSync(path.join(HERE, 'migration.sql'), 'utf8');

	for (const { title, change } of readMigrations()) {
		for (const [kind, read, select] of STATEMENTS) {
			psql(start);
			const sides = [];

			for (const sql of [select, read]) sides.push({ connection: await client.connect(), sql, seen: [] });
			for (let i = 0; i < 7; i++) {			// until drivers and plans have settled
				for (const side of sides) side.seen = [await outcome(side.connection, side.sql)];
			}
			psql(change);
			for (let i = 0; i < 3; i++) {
				for (const side of sides) side.seen.push(await outcome(side.connection, side.sql));
			}
			for (const side of sides) await side.connection.close();
			same(sides[1].seen, sides[0].seen, `${title}, ${kind} prepared`);
		}
	}
}

// ----- the code of the page -----

// The code of docs/applications.md for it, ```LANGUAGE NAME before and after: both give
// the same rows.  The namespace has the names that the code takes for given.
async function page(name, namespace) {
	const text = fs.readFileSync(path.join(process.env.CLIENTS_DOCS, 'applications.md'), 'utf8');

	for (const when of ['before', 'after']) {
		const title = `docs/applications.md, ${name}, ${when}`;
		const found = [...text.matchAll(new RegExp('^```\\w+ ' + name + ' ' + when + '\\n([^]*?)^```$', 'gm'))];

		if (!same(found.length, 1, title + ': is there')) continue;
		try {
			const { product, products } = new Function(...Object.keys(namespace),
				found[0][1] + '\nreturn { product, products };')(...Object.values(namespace));

			for (let i = 0; i < 2; i++) {
				same([await product(7), await product(1000), (await products([3, 1, 1000])).sort((a, b) => a.id - b.id)],
					[{ id: 7, name: 'product 7', price: '10.5', stock: 10 }, undefined,
						[{ id: 1, name: 'product 1', price: '1.5', stock: 10 },
							{ id: 3, name: 'product 3', price: '4.5', stock: 10 }]], title);
			}
		} catch (e) {
			ok(false, title, e.stack);
		}
	}
}

// The code of docs/plain_sql.md, ```LANGUAGE NAME: the functions that it makes.  The
// namespace has the names that it takes for given.
function recipe(name, namespace, ...functions) {
	const text = fs.readFileSync(path.join(process.env.CLIENTS_DOCS, 'plain_sql.md'), 'utf8');
	const found = [...text.matchAll(new RegExp('^```\\w+ ' + name + '\\n([^]*?)^```$', 'gm'))];

	same(found.length, 1, `docs/plain_sql.md, ${name}: is there`);
	return new Function(...Object.keys(namespace), found[0][1] + `\nreturn { ${functions.join(', ')} };`)(...Object.values(namespace));
}

// ----- results of plain SQL -----

const COUNTERS = 'SELECT coalesce(sum(hits), 0)::int AS hits, coalesce(sum(misses), 0)::int AS misses FROM cache.space_stats';

// The setting of connections to come.
function results(mode) {
	const db = process.env.PGDATABASE;

	psql(`ALTER DATABASE ${db} SET cache_strategies.results = ${mode}; ALTER DATABASE ${db} SET cache_strategies.results_min_cost = 0`);
}

// What it gives, and how many statements were hits and misses.
async function counted(connection, what) {
	const [before] = await connection.rows(COUNTERS, []);
	const got = await what();
	const [after] = await connection.rows(COUNTERS, []);

	return [got, Number(after[0]) - Number(before[0]), Number(after[1]) - Number(before[1])];
}

// page(customer): the customer's name, the ids of the open orders, and how many orders
// are open, by three statements; deliver(order) changes one.
async function shopPage(connection, page, deliver, title) {
	const first = ['customer 7', [6, 26, 46, 66, 86], 100];

	psql("UPDATE shop.orders SET state = 'open' WHERE state <> 'open'");
	same([await page(7), (await page(8))[0], await page(7), (await page(8))[0]], [first, 'customer 8', first, 'customer 8'], `${title}: content`);
	same(await counted(connection, () => page(7)), [first, 3, 0], `${title}: all statements of a page are hits`);
	await deliver(7);		// of customer 8
	same(await counted(connection, () => page(7)), [['customer 7', [6, 26, 46, 66, 86], 99], 2, 1],
		`${title}: a write ends what reads all orders, and nothing of another customer`);
	same(await counted(connection, () => page(8)), [['customer 8', [27, 47, 67, 87], 99], 2, 1],
		`${title}: a write ends what reads the orders of its customer`);
	same(await counted(connection, () => page(8)), [['customer 8', [27, 47, 67, 87], 99], 3, 0], `${title}: and it is kept again`);
}

// Run the parts, one after the other.
async function main(...parts) {
	try {
		for (const part of parts) await part();
	} catch (e) {
		ok(false, 'no exception', e.stack);
	}
	console.log('1..' + count);
	process.exit(failed ? 1 : 0);
}

module.exports = { ok, same, notHere, needs, needsNode, psql, stored, recipe, calls, lifeCycle, SqlModel, byStatements, migrations, page, results, counted, shopPage, main };
