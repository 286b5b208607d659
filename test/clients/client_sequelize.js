// Sequelize: models by literals in the simple protocol; what is bound goes in unnamed
// statements with untyped parameters, through node-postgres.

'use strict';

const { needs, calls, counted, lifeCycle, migrations, main, ok, psql, recipe, results, same, shopPage, stored } = require('./lib/suite.js');
const { Sequelize, DataTypes, Op, QueryTypes } = needs('sequelize');

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

// ----- counters: the same outcome whether and how the table is attached -----

class Lost extends Error {}

async function lost(f) {
	try {
		return await f();
	} catch (e) {
		if (!(e instanceof Lost)) throw e;
		return 'rolled back';
	}
}

// The statements of an application with a model of counters, versions for optimistic
// locking among them.
class Counters {
	constructor(db, strategy) {
		this.db = db;
		this.table = 'counters_' + strategy;
		this.model = db.define(this.table, {
			name: { type: DataTypes.TEXT, allowNull: false, unique: true },
			views: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
			best: DataTypes.INTEGER,
			status: { type: DataTypes.TEXT, allowNull: false, defaultValue: 'new' },
		}, { tableName: this.table, timestamps: false, version: true });
	}

	byAnother(change) {
		psql(`UPDATE ${this.table} SET ${change}`);
	}

	get(name, options = {}) {
		return this.model.findOne({ where: { name }, ...options });
	}

	all() {
		return this.model.findAll({ order: ['name'] });
	}

	increment(name, by, options = {}) {
		return this.model.increment({ views: by }, { where: { name }, ...options });
	}

	// The instance was read before another session's change.
	async saved(name, change) {
		const row = await this.get(name);

		this.byAnother('views = views + 1000');
		await change(row);
		return [row.toJSON(), (await row.reload()).toJSON()];
	}

	async optimistic() {
		const first = await this.get('a');
		const second = await this.get('a');

		await first.update({ status: 'first' });
		try {
			await second.update({ status: 'second' });
		} catch (e) {
			return [e.name, await this.get('a')];
		}
	}

	async savedWhenGone() {
		const row = await this.model.create({ name: 'gone' });

		psql(`DELETE FROM ${this.table} WHERE name = 'gone'`);
		return row.update({ views: 3 });
	}

	inTransaction(fails) {
		return lost(() => this.db.transaction(async (transaction) => {
			const first = await this.increment('a', 1, { transaction });
			const inner = await lost(() => this.db.transaction({ transaction }, async (savepoint) => {
				await this.increment('a', 100, { transaction: savepoint });
				await this.model.update({ status: 'lost' }, { where: { name: 'a' }, transaction: savepoint });
				throw new Lost();
			}));
			const second = await this.increment('a', 1, { transaction });

			if (fails) throw new Lost();
			return [first, inner, second];
		}));
	}

	locked() {
		return this.db.transaction(async (transaction) => {
			const row = await this.model.findOne({ where: { name: 'a' }, lock: transaction.LOCK.UPDATE, transaction });

			row.views += 5;
			return row.save({ transaction });
		});
	}

	steps() {
		const m = this.model;
		const views = (sign, by) => this.db.literal(`views ${sign} ${by}`);
		const rows = (names) => names.map((name) => ({ name, views: 7, best: 8, status: 'upserted' }));

		return {
			'create': async () => [await m.create({ name: 'a' }), await m.bulkCreate([{ name: 'b' }, { name: 'c', views: 2 }])],
			'increment': async () => [await this.increment('a', 1), await this.increment('a', 2), await m.decrement({ views: 1 }, { where: { name: 'a' } })],
			'increment of all': () => m.increment({ views: 10 }, { where: {} }),
			'increment of none': () => this.increment('none', 1),
			'increment of an instance': () => this.saved('a', (row) => row.increment({ views: 3 })),
			'update by literal': () => m.update({ views: views('+', 1), best: 5 }, { where: { name: 'b' } }),
			'update ... returning': () => m.update({ views: views('*', 2) }, { where: { name: ['a', 'b'] }, returning: true }),
			'update of none': () => m.update({ best: 1 }, { where: { name: 'none' } }),
			'what comes of these': () => this.all(),
			'save': () => this.saved('a', (row) => row.update({ status: 'saved', best: 9 })),
			'save of one field': () => this.saved('b', (row) => row.set({ best: 10, status: 'lost' }).save({ fields: ['best'] })),
			'optimistic locking': () => this.optimistic(),
			'save of a row that is gone': () => this.savedWhenGone(),
			'findOrCreate': async () => [await m.findOrCreate({ where: { name: 'a' }, defaults: { status: 'made' } }),
				await m.findOrCreate({ where: { name: 'd' }, defaults: { status: 'made' } })],
			'findCreateFind': async () => [await m.findCreateFind({ where: { name: 'a' } }), await m.findCreateFind({ where: { name: 'e' } })],
			'upsert': async () => [await m.upsert({ name: 'e', views: 5, status: 'set' }, { conflictFields: ['name'] }),
				await m.upsert({ name: 'f', views: 5, status: 'set' }, { conflictFields: ['name'] })],
			'bulkCreate with updateOnDuplicate': () => m.bulkCreate(rows(['f', 'g']),
				{ updateOnDuplicate: ['views', 'status'], conflictAttributes: ['name'] }),
			'bulkCreate with ignoreDuplicates': () => m.bulkCreate(rows(['g', 'h']), { ignoreDuplicates: true, returning: false }),
			'what comes of them': () => this.all(),
			'a transaction with a savepoint': () => this.inTransaction(false),
			'a transaction that is rolled back': () => this.inTransaction(true),
			'lock': () => this.locked(),
			'aggregates and conditions': async () => {
				return [await m.sum('views'), await m.max('best'), await m.count({ where: { views: { [Op.gt]: 100 } } }),
					await m.findAll({ where: { status: 'upserted' }, order: [['views', 'DESC'], 'name'], attributes: ['name', 'views'] })];
			},
			'destroy': async () => [await m.destroy({ where: { name: 'c' } }), await m.destroy({ where: { name: 'c' } }), await this.increment('c', 1)],
			'the table': () => this.all(),
			'the stored table': () => stored(this.table),
		};
	}

	async outcomes() {
		const outcomes = {};

		for (const [title, step] of Object.entries(this.steps())) {
			try {
				outcomes[title] = JSON.parse(JSON.stringify(await step() ?? null));
			} catch (e) {
				outcomes[title] = e.name;
			}
		}
		return outcomes;
	}
}

async function counters() {
	const connection = new Connection();
	const unattached = await new Counters(connection.db, 'none').outcomes();

	for (const strategy of ['cache_aside', 'read_through', 'write_through', 'write_around', 'write_back']) {
		const outcomes = await new Counters(connection.db, strategy).outcomes();

		for (const title of Object.keys(unattached)) same(outcomes[title], unattached[title], `counters, ${strategy}: ${title}`);
	}
	same(Object.entries(unattached).filter(([, outcome]) => typeof outcome === 'string').map(([title, outcome]) => [title, outcome]),
		[['save of a row that is gone', 'SequelizeOptimisticLockError'], ['a transaction that is rolled back', 'rolled back']],
		'counters: no errors but those that are meant');
	await connection.close();
}

// ----- results of plain SQL -----

function shop(db) {
	const of = (table) => ({ tableName: table, schema: 'shop', timestamps: false });

	db.define('Customer', { name: DataTypes.TEXT }, of('customers'));
	db.define('Order', { customer_id: DataTypes.INTEGER, state: DataTypes.TEXT }, of('orders'));
	return db;
}

async function recipes() {
	results('auto');
	const auto = new Connection();
	const { models } = shop(auto.db);

	await shopPage(auto, async (customer) => [(await models.Customer.findByPk(customer)).name,
		(await models.Order.findAll({ where: { customer_id: customer, state: 'open' }, order: ['id'] })).map((row) => row.id),
		await models.Order.count({ where: { state: 'open' } })],
	async (order) => (await models.Order.findByPk(order)).update({ state: 'delivered' }), 'auto');
	await auto.close();

	results('declared');
	const declared = new Connection();
	const { models: { Order } } = shop(declared.db);
	const { openOrders } = recipe('sequelize', { sequelize: declared.db, Order }, 'openOrders');
	const ids = async () => (await openOrders(7)).map((row) => [row instanceof Order, row.id]);
	const expected = [6, 26, 46, 66, 86].map((id) => [true, id]);

	same(await counted(declared, async () => (await Order.findByPk(6)).id), [6, 0, 0], 'declared: no comment, nothing is kept');
	same(await counted(declared, async () => [await ids(), await ids()]), [[expected, expected], 1, 1], 'declared: a comment');
	await declared.close();
	results('off');
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
}, counters, recipes, () => calls(client), () => migrations(client));
