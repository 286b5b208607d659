// TypeORM: unnamed statements with untyped parameters, through node-postgres.

'use strict';

const { needs, needsNode, calls, counted, lifeCycle, migrations, main, recipe, results, same, shopPage } = require('./lib/suite.js');

needsNode(20, 19);
needs('pg');
needs('reflect-metadata');
const { DataSource, EntitySchema, In } = needs('typeorm');

const entity = (table) => new EntitySchema({
	name: table,
	tableName: table,
	columns: {
		id: { type: Number, primary: true, generated: 'identity', generatedIdentity: 'BY DEFAULT' },
		name: { type: String },
		price: { type: 'numeric', nullable: true },
		stock: { type: Number },
		version: { type: Number, version: true, insert: false, update: true },
	},
});
const customers = new EntitySchema({ name: 'customers', tableName: 'customers', schema: 'shop',
	columns: { id: { type: Number, primary: true }, name: { type: String } } });
const orders = new EntitySchema({ name: 'orders', tableName: 'orders', schema: 'shop',
	columns: { id: { type: Number, primary: true }, customer_id: { type: Number }, state: { type: String } } });
const tables = ['cache_aside', 'read_through', 'write_through', 'write_around'];

async function connect() {
	const source = new DataSource({ type: 'postgres', host: process.env.PGHOST, port: Number(process.env.PGPORT),
		username: process.env.PGUSER, database: process.env.PGDATABASE, entities: [...tables.map(entity), customers, orders],
		poolSize: 1, extra: { max: 1 } });

	await source.initialize();
	let scope = source.manager;
	const within = async (f) => {
		const outside = scope;

		return outside.transaction(async (inside) => {
			scope = inside;
			try {
				return await f();
			} finally {
				scope = outside;
			}
		});
	};

	// UPDATE and DELETE give the rows and their number, others the rows.
	const answer = async (sql, values) => {
		const given = await scope.query(sql, values);

		return Array.isArray(given[0]) && typeof given[1] === 'number' ? given : [given, given.length];
	};

	return {
		rows: async (sql, values) => (await answer(sql, values))[0].map((row) => Object.values(row)),
		run: async (sql, values) => (await answer(sql, values))[1],
		close: () => source.destroy(),
		transaction: within,
		get manager() { return scope; },
	};
}

class Model {
	constructor(connection, table) {
		this.c = connection;
		this.t = table;
	}

	get repository() {
		return this.c.manager.getRepository(this.t);
	}

	rows(sql, values) {
		return this.c.rows(sql, values);
	}

	async create(fields) {
		return (await this.repository.save(fields)).id;
	}

	find(id) {
		return this.repository.findOneBy({ id });
	}

	async update(id, fields) {
		return (await this.repository.update({ id }, fields)).affected;
	}

	async save(id, fields) {
		return this.repository.save(Object.assign(await this.find(id), fields));
	}

	async reload(id, change) {
		change();
		return this.find(id);
	}

	async delete(id) {
		return this.repository.remove(await this.find(id));
	}

	async optimistic(id, seen, fields) {
		// The version that the first save has left is what counts from here.
		this.version = this.version || (await this.find(id)).version;
		return (await this.repository.createQueryBuilder().update().set(fields)
			.where({ id, version: this.version }).execute()).affected;
	}

	list(ids) {
		return this.repository.findBy({ id: In(ids) });
	}

	transaction(f) {
		return this.c.transaction(f);
	}

	savepoint(f) {
		return this.c.transaction(f);
	}
}

// ----- results of plain SQL -----

async function recipes() {
	results('auto');
	const auto = await connect();
	const of = (name) => auto.manager.getRepository(name);

	await shopPage(auto, async (customer) => [(await of('customers').findOneBy({ id: customer })).name,
		(await of('orders').find({ where: { customer_id: customer, state: 'open' }, order: { id: 'ASC' } })).map((row) => row.id),
		await of('orders').countBy({ state: 'open' })],
	(order) => of('orders').update({ id: order }, { state: 'delivered' }), 'auto');
	await auto.close();

	results('declared');
	const declared = await connect();
	const repository = declared.manager.getRepository('orders');
	const { openOrders, states } = recipe('typeorm', { orders: repository }, 'openOrders', 'states');
	const ids = async () => (await openOrders(9)).map((row) => row.id);

	same(await counted(declared, async () => (await repository.findOneBy({ id: 6 })).id), [6, 0, 0], 'declared: no comment, nothing is kept');
	same(await counted(declared, async () => [await ids(), await ids()]), [Array(2).fill([8, 28, 48, 68, 88]), 1, 1],
		'declared: a comment of find()');
	same(await counted(declared, async () => [await states(), await states()]),
		[Array(2).fill([{ state: 'delivered', n: 1 }, { state: 'open', n: 99 }]), 1, 1], 'declared: comment() of a query builder');
	await declared.close();
	results('off');
}

const client = { connect, parameter: (kind, value) => value };

main(async () => {
	const connection = await connect();

	await lifeCycle(client, (table) => new Model(connection, table));
	await connection.close();
}, recipes, () => calls(client), () => migrations(client));
