// Knex: unnamed statements with untyped parameters, through node-postgres.

'use strict';

const { needs, calls, lifeCycle, migrations, main } = require('./lib/suite.js');
const knex = needs('knex');

needs('pg');

// What is bound in knex.raw() is a question mark; so is an operator, escaped.
const marks = (sql) => sql.replace(/\?/g, '\\?').replace(/\$\d+/g, '?');

class Connection {
	constructor() {
		this.db = knex({ client: 'pg', connection: { host: process.env.PGHOST, port: Number(process.env.PGPORT),
			user: process.env.PGUSER, database: process.env.PGDATABASE }, pool: { min: 1, max: 1 } });
		this.scope = this.db;		// the transaction, in one
	}

	raw(sql, values) {
		return this.scope.raw(marks(sql), values.map((value) => (value === undefined ? null : value)))
			.options({ rowMode: 'array' });
	}

	async rows(sql, values) {
		return (await this.raw(sql, values)).rows;
	}

	async run(sql, values) {
		return (await this.raw(sql, values)).rowCount;
	}

	close() {
		return this.db.destroy();
	}

	// Of a transaction, it is a savepoint.
	async transaction(f) {
		const outside = this.scope;

		return outside.transaction(async (inside) => {
			this.scope = inside;
			try {
				return await f();
			} finally {
				this.scope = outside;
			}
		});
	}
}

class Model {
	constructor(connection, table) {
		this.c = connection;
		this.t = table;
	}

	get table() {
		return this.c.scope(this.t);
	}

	rows(sql, values) {
		return this.c.rows(sql, values);
	}

	async create(fields) {
		return (await this.table.insert(fields).returning('id'))[0].id;
	}

	find(id) {
		return this.table.where({ id }).first();
	}

	update(id, fields) {
		return this.table.where({ id }).update(fields);
	}

	save(id, fields) {
		return this.table.where({ id }).update(fields).returning('*');
	}

	async reload(id, change) {
		change();
		return this.find(id);
	}

	delete(id) {
		return this.table.where({ id }).del();
	}

	optimistic(id, version, fields) {
		return this.table.where({ id, version }).update({ ...fields, version: this.c.db.raw('version + 1') });
	}

	list(ids) {
		return this.table.whereIn('id', ids);
	}

	transaction(f) {
		return this.c.transaction(f);
	}

	savepoint(f) {
		return this.c.transaction(f);
	}
}

const client = { connect: async () => new Connection(), parameter: (kind, value) => value };

main(async () => {
	const connection = new Connection();

	await lifeCycle(client, (table) => new Model(connection, table));
	await connection.close();
}, () => calls(client), () => migrations(client));
