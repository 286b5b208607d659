// Sequelize: models by literals in the simple protocol; what is bound goes in unnamed
// statements with untyped parameters, through node-postgres.

'use strict';

const { needs, calls, lifeCycle, migrations, main, ok, same } = require('./lib/suite.js');
const { Sequelize, DataTypes, QueryTypes } = needs('sequelize');

needs('pg');

class Connection {
	constructor() {
		this.db = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, '', {
			dialect: 'postgres', host: process.env.PGHOST, port: Number(process.env.PGPORT), logging: false,
			pool: { min: 1, max: 1 } });
		this.scope = null;			// the transaction, in one
	}

	query(sql, values, options = {}) {
		return this.db.query(sql, { bind: values, raw: true, transaction: this.scope, ...options });
	}

	async rows(sql, values) {
		return (await this.query(sql, values, { type: QueryTypes.SELECT })).map((row) => Object.values(row));
	}

	async run(sql, values) {
		return (await this.query(sql, values))[1].rowCount;
	}

	close() {
		return this.db.close();
	}

	async transaction(f) {
		const outside = this.scope;

		return this.db.transaction({ transaction: outside }, async (inside) => {
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
		this.model = connection.db.define(table, {
			name: DataTypes.TEXT, price: DataTypes.DECIMAL(10, 2), stock: DataTypes.INTEGER, version: DataTypes.INTEGER,
		}, { tableName: table, timestamps: false });
	}

	get within() {
		return { transaction: this.c.scope };
	}

	rows(sql, values) {
		return this.c.rows(sql, values);
	}

	async create(fields) {
		return (await this.model.create({ ...fields, version: 0 }, this.within)).id;
	}

	find(id) {
		return this.model.findByPk(id, this.within);
	}

	async update(id, fields) {
		return (await this.model.update(fields, { where: { id }, ...this.within }))[0];
	}

	async save(id, fields) {
		const row = await this.find(id);

		return row.set(fields).save(this.within);
	}

	async reload(id, change) {
		const row = await this.find(id);

		change();
		return row.reload(this.within);
	}

	async delete(id) {
		return (await this.find(id)).destroy(this.within);
	}

	async optimistic(id, version, fields) {
		return (await this.model.update({ ...fields, version: version + 1 },
			{ where: { id, version }, ...this.within }))[0];
	}

	list(ids) {
		return this.model.findAll({ where: { id: ids }, ...this.within });
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

	// A row of the cache as an instance of the model.
	const { model } = new Model(connection, 'products');

	for (const replacements of [{ id: 7 }]) {
		const [found] = await connection.db.query(
			'SELECT id, name, stock FROM cache.read(NULL::products, :id) WHERE id IS NOT NULL',
			{ replacements, model, mapToModel: true });

		ok(found instanceof model, 'a row of cache.read() is an instance');
		same(found && found.name, 'product 7', 'its attributes');
	}
	await connection.close();
}, () => calls(client), () => migrations(client));
