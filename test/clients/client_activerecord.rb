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

calls(client)
migrations(client)
page('rails') { |row| [row.id, row.name, row.price, row.stock] }
done
