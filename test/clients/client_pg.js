// node-postgres: extended protocol with untyped parameters, statements unnamed or
// named; results as text.

'use strict';

const { needs, calls, lifeCycle, SqlModel, byStatements, migrations, page, main } = require('./lib/suite.js');
const { Client, Pool } = needs('pg');

// One connection, whose statements have names or not.
async function connect(named) {
	const db = new Client();
	const names = new Map();

	await db.connect();
	const query = (text, values) => {
		if (named && !names.has(text)) names.set(text, 's' + names.size);
		return db.query({ text, values, name: names.get(text), rowMode: 'array' });
	};

	return {
		rows: async (sql, values) => (await query(sql, values)).rows,
		run: async (sql, values) => (await query(sql, values)).rowCount,
		close: () => db.end(),
		...byStatements,
	};
}

function client(named) {
	return { connect: () => connect(named), parameter: (kind, value) => value };
}

main(async () => {
	for (const named of [false, true]) {
		const connection = await connect(named);

		await lifeCycle(client(named), (table) => new SqlModel(connection, table));
		await calls(client(named));
		await migrations(client(named));
		await connection.close();
	}
}, async () => {
	const pool = new Pool();

	await page('node-postgres', { pool });
	await pool.end();
});
