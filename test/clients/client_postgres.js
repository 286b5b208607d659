// postgres.js: named statements from the first run, untyped parameters.

'use strict';

const { needs, calls, lifeCycle, SqlModel, migrations, main } = require('./lib/suite.js');
const postgres = needs('postgres');

// An array where the server expects text goes as the text of one.
const text = { to: 25, from: [25], parse: (x) => x,
	serialize: (x) => (Array.isArray(x) ? '{' + x.join() + '}' : String(x)) };

async function connect() {
	const sql = postgres({ host: process.env.PGHOST, max: 1, onnotice: () => {}, types: { text } });
	let scope = sql;
	const query = (statement, values) => scope.unsafe(statement, values, { prepare: true });
	// A transaction, and in it a savepoint, is a function that gets an sql of its own.
	const within = (begin) => (f) => {
		const outside = scope;

		return begin(outside)(async (inside) => {
			scope = inside;
			try {
				return await f();
			} finally {
				scope = outside;
			}
		});
	};

	return {
		rows: async (statement, values) => [...await query(statement, values).values()].map((row) => [...row]),
		run: async (statement, values) => (await query(statement, values)).count,
		transaction: within((s) => (f) => s.begin(f)),
		savepoint: within((s) => (f) => s.savepoint(f)),
		close: () => sql.end(),
	};
}

// A string for jsonb would become a JSON string.
const client = { connect, parameter: (kind, value) => (kind === 'json' ? JSON.parse(value) : value) };

main(async () => {
	const connection = await connect();

	await lifeCycle(client, (table) => new SqlModel(connection, table));
	await connection.close();
}, () => calls(client), () => migrations(client));
