// Prisma, with its client that needs no engine: unnamed statements with untyped
// parameters, through node-postgres; what it cannot read (void, interval) is run by
// $executeRaw.

'use strict';

const { needs, needsNode, calls, lifeCycle, migrations, main } = require('./lib/suite.js');

needsNode(20, 19);
const { PrismaPg } = needs('@prisma/adapter-pg');
const { PrismaClient } = needs('@prisma/client');

class Connection {
	constructor() {
		this.db = new PrismaClient({ adapter: new PrismaPg({ host: process.env.PGHOST,
			port: Number(process.env.PGPORT), user: process.env.PGUSER, database: process.env.PGDATABASE, max: 1 }) });
		this.scope = this.db;
	}

	async rows(sql, values) {
		return (await this.scope.$queryRawUnsafe(sql, ...values)).map((row) => Object.values(row));
	}

	run(sql, values) {
		return this.scope.$executeRawUnsafe(sql, ...values);
	}

	close() {
		return this.db.$disconnect();
	}

	async transaction(f) {
		return this.db.$transaction(async (inside) => {
			this.scope = inside;
			try {
				return await f();
			} finally {
				this.scope = this.db;
			}
		});
	}

	// It has none of its own.
	async savepoint(f) {
		await this.run('SAVEPOINT s', []);
		try {
			await f();
			await this.run('RELEASE SAVEPOINT s', []);
		} catch (e) {
			await this.run('ROLLBACK TO SAVEPOINT s', []);
			throw e;
		}
	}
}

class Model {
	constructor(connection, table) {
		this.c = connection;
		this.t = table;
	}

	get model() {
		return this.c.scope[this.t];
	}

	rows(sql, values) {
		return this.c.rows(sql, values);
	}

	async create(data) {
		return (await this.model.create({ data })).id;
	}

	find(id) {
		return this.model.findUnique({ where: { id } });
	}

	async update(id, data) {
		return (await this.model.updateMany({ where: { id }, data })).count;
	}

	save(id, data) {
		return this.model.update({ where: { id }, data });
	}

	async reload(id, change) {
		change();
		return this.find(id);
	}

	delete(id) {
		return this.model.delete({ where: { id } });
	}

	async optimistic(id, version, data) {
		return (await this.model.updateMany({ where: { id, version },
			data: { ...data, version: { increment: 1 } } })).count;
	}

	list(ids) {
		return this.model.findMany({ where: { id: { in: ids } } });
	}

	transaction(f) {
		return this.c.transaction(f);
	}

	savepoint(f) {
		return this.c.savepoint(f);
	}
}

const client = { connect: async () => new Connection(), parameter: (kind, value) => value };

main(async () => {
	const connection = new Connection();

	await lifeCycle(client, (table) => new Model(connection, table));
	await connection.close();
}, () => calls(client), () => migrations(client));
