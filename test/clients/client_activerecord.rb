# ActiveRecord (Rails): statements prepared, through ruby-pg.

require_relative 'lib/suite'
begin
  require 'active_record'
  require 'pg'
rescue LoadError => e
  not_here(e.message)
end

SETTINGS = { adapter: 'postgresql', host: ENV.fetch('PGHOST'), port: ENV.fetch('PGPORT').to_i,
             username: ENV.fetch('PGUSER'), database: ENV.fetch('PGDATABASE'), pool: 1 }.freeze

ActiveRecord::Base.establish_connection(SETTINGS)

# What does not go through a model, prepared and with the values bound.  Rows of
# one column come as values.
def binds_of(params)
  params.map { |v| ActiveRecord::Relation::QueryAttribute.new('', v, ActiveRecord::Type::Value.new) }
end

def rows_of(db, sql, params)
  result = db.exec_query(sql, 'SQL', binds_of(params), prepare: true)
  result.columns.size == 1 ? result.cast_values.map { |v| [v] } : result.cast_values
end

# A connection of its own: the migrations need two at a time.
class Connection
  def initialize
    @base = Class.new(ActiveRecord::Base) { self.abstract_class = true }
    name = "Connection#{object_id}"
    Object.const_set(name, @base)
    @base.establish_connection(SETTINGS)
  end

  def rows(sql, params)
    rows_of(@base.connection, sql, params)
  end

  def run(sql, params)
    @base.connection.exec_update(sql, 'SQL', binds_of(params))
  end

  def close
    @base.remove_connection
  end
end

class Client
  def connect
    Connection.new
  end

  def parameter(kind, value)
    case kind
    when 'bytes' then ActiveModel::Type::Binary::Data.new(value)
    when 'ints', 'texts' then PG::TextEncoder::Array.new.encode(value)
    else value
    end
  end

  def sqlstate(error)
    cause = error.cause || error
    (cause.respond_to?(:result) && cause.result&.error_field(PG::PG_DIAG_SQLSTATE)) || error.class.name
  end
end

class Model
  attr_reader :model

  def initialize(table)
    @model = Class.new(ActiveRecord::Base) do
      self.table_name = table
      self.locking_column = :version
    end
    Object.const_set(table.split('_').map(&:capitalize).join, @model)
  end

  def rows(sql, params)
    rows_of(@model.connection, sql, params)
  end

  def create(fields)
    @model.create!(fields).id
  end

  def find(id)
    row = @model.find_by(id: id)
    same(@model.exists?(id), !row.nil?, "#{@model.table_name}: exists?")
    row && row.attributes.symbolize_keys
  end

  def update(id, fields)
    @model.where(id: id).update_all(fields)
  end

  # The version is left as it was, so that the next test of it begins at 0.
  def save(id, fields)
    @model.lock_optimistically = false
    @model.find(id).update!(fields)
  ensure
    @model.lock_optimistically = true
  end

  def reload(id)
    row = @model.find(id)
    yield
    row.reload.attributes.symbolize_keys
  end

  def delete(id)
    @model.find(id).destroy!
  end

  # The second one is of a record that was read before the first.
  def optimistic(id, _version, fields)
    @old, row = @model.find(id), @old || @model.find(id)
    row.update!(fields)
    1
  rescue ActiveRecord::StaleObjectError
    0
  end

  def list(ids)
    @model.where(id: ids).map { |row| { name: row.name } }
  end

  def transaction(&block)
    @model.transaction(&block)
  end

  def savepoint(&block)
    @model.transaction(requires_new: true, &block)
  end
end

client = Client.new
life_cycle(client) { |table| Model.new(table) }

# Rows of the cache as records.
id = ReadThrough.create!(name: 'lamp', stock: 1).id
found = ReadThrough.find_by_sql(['SELECT * FROM cache.read(NULL::read_through, ?) WHERE id IS NOT NULL', id])
same(found.map { |row| [row.class, row.id, row.name] }, [[ReadThrough, id, 'lamp']], 'a row of cache.read() is a record')
found[0].update!(stock: 2)
same(ReadThrough.find(id).stock, 2, 'it can be saved')

# The pages of an application that is not changed.
class Customer < ActiveRecord::Base
  self.table_name = 'shop.customers'
end

class Order < ActiveRecord::Base
  self.table_name = 'shop.orders'
end

def reconnect(mode)
  results(mode)
  ActiveRecord::Base.establish_connection(SETTINGS)
end

def customer_page(customer)
  [Customer.find(customer).name, Order.where(customer_id: customer, state: 'open').order(:id).pluck(:id),
   Order.where(state: 'open').count]
end

counters = ->(sql) { rows_of(ActiveRecord::Base.connection, sql, []) }
first = ['customer 7', [6, 26, 46, 66, 86], 100]
reconnect('auto')
same([customer_page(7), customer_page(8)[0], customer_page(7), customer_page(8)[0]], [first, 'customer 8', first, 'customer 8'], 'auto: content')
same(counted(counters) { customer_page(7) }, [first, 3, 0], 'auto: all statements of a page are hits')
Order.find(7).update!(state: 'delivered') # of customer 8
same(counted(counters) { customer_page(7) }, [['customer 7', [6, 26, 46, 66, 86], 99], 2, 1],
     'auto: a write ends what reads all orders, and nothing of another customer')
same(counted(counters) { customer_page(8) }, [['customer 8', [27, 47, 67, 87], 99], 2, 1],
     'auto: a write ends what reads the orders of its customer')
same(counted(counters) { customer_page(8) }, [['customer 8', [27, 47, 67, 87], 99], 3, 0], 'auto: and it is kept again')

# Statements that are named by a comment.
reconnect('declared')
same(counted(counters) { customer_page(7)[0] }, ['customer 7', 0, 0], 'declared: no comment, nothing is kept')
TOPLEVEL_BINDING.eval(recipe('rails'), 'docs/plain_sql.md')
same(counted(counters) { Array.new(2) { open_orders(7).map(&:id) } }, [[[6, 26, 46, 66, 86]] * 2, 1, 1], 'declared: a comment at the end of a relation')
same(counted(counters) { Array.new(2) { states } }, [[{ 'delivered' => 1, 'open' => 99 }] * 2, 1, 1], 'declared: annotate() and count')
reconnect('off')

calls(client)
migrations(client)
page('rails') { |row| [row.id, row.name, row.price, row.stock] }
done
