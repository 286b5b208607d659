// node-postgres: extended protocol with untyped parameters, statements unnamed or
// named; results as text.

'use strict';

const { needs, calls, lifeCycle, SqlModel, byStatements, migrations, page, recipe, results, counted, shopPage, same, main } = require('./lib/suite.js');
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
	// An application that is not changed.
	results('auto');
	for (const named of [false, true]) {
		const connection = await connect(named);
		const values = async (sql, params) => (await connection.rows(sql, params)).map((row) => row[0]);
		const customerPage = async (customer) => [
			(await values('SELECT name FROM shop.customers WHERE id = $1', [customer]))[0],
			await values("SELECT id FROM shop.orders WHERE customer_id = $1 AND state = 'open' ORDER BY id", [customer]),
			(await values('SELECT count(*)::int FROM shop.orders WHERE state = $1', ['open']))[0],
		];

		await shopPage(connection, customerPage,
			(order) => connection.run("UPDATE shop.orders SET state = 'delivered' WHERE id = $1", [order]),
			`auto, statements ${named ? 'with names' : 'without names'}`);
		await connection.close();
	}
	// Statements that are named by a comment.
	results('declared');
	const connection = await connect(false);
	const name = async (comment) => (await connection.rows(`SELECT name FROM shop.customers WHERE id = $1${comment}`, [11]))[0][0];

	same(await counted(connection, () => name('')), ['customer 11', 0, 0], 'declared: no comment, nothing is kept');
	const pool = new Pool({ max: 1 });
	const own = { rows: async (text) => (await pool.query({ text, rowMode: 'array' })).rows };
	const { openOrders } = recipe('node-postgres', { pool }, 'openOrders');
	const ids = async () => (await openOrders(9)).map((row) => row.id);

	same(await counted(own, async () => [await ids(), await ids()]), [Array(2).fill([8, 28, 48, 68, 88]), 1, 1],
		'declared: a comment');
	await pool.end();
	await connection.close();
	results('off');
}, async () => {
	const pool = new Pool();

	await page('node-postgres', { pool });
	await pool.end();
});
