// Hibernate: unnamed statements with typed parameters through pgjdbc, named ones from
// the fifth run; comments at the beginning of statements.

import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import javax.persistence.Column;
import javax.persistence.Entity;
import javax.persistence.FetchType;
import javax.persistence.Id;
import javax.persistence.JoinColumn;
import javax.persistence.ManyToOne;
import javax.persistence.Table;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;

public class client_hibernate extends Suite {
	@Entity(name = "Customer")
	@Table(name = "customers", schema = "shop")
	public static class Customer {
		@Id
		public int id;
		public String name;
	}

	@Entity(name = "Order")
	@Table(name = "orders", schema = "shop")
	public static class Order {
		@Id
		public int id;
		@ManyToOne(fetch = FetchType.LAZY)
		@JoinColumn(name = "customer_id")
		public Customer customer;
		@Column(nullable = false)
		public String state;
	}

	// Sessions that begin now, with the setting as it is.
	static SessionFactory factory() {
		Properties properties = new Properties();
		properties.put("hibernate.connection.driver_class", "org.postgresql.Driver");
		properties.put("hibernate.connection.url", url());
		properties.put("hibernate.connection.username", System.getenv("PGUSER"));
		properties.put("hibernate.connection.password", "");
		properties.put("hibernate.connection.pool_size", "1");
		properties.put("hibernate.dialect", "org.hibernate.dialect.PostgreSQLDialect");
		properties.put("hibernate.use_sql_comments", "true");
		return new Configuration().addAnnotatedClass(Customer.class).addAnnotatedClass(Order.class)
				.addProperties(properties).buildSessionFactory();
	}

	interface Task {
		Object run(Session session) throws Exception;
	}

	static Object within(SessionFactory factory, Task task) throws Exception {
		Session session = factory.openSession();
		try {
			session.beginTransaction();
			Object result = task.run(session);
			session.getTransaction().commit();
			return result;
		} finally {
			session.close();
		}
	}

	// The pool has one session.
	static Counters counters(SessionFactory factory) {
		return () -> List.of((Object[]) within(factory, session -> session.createSQLQuery(COUNTERS).uniqueResult()));
	}

	static Object ids(List<?> orders) {
		return orders.stream().map(order -> ((Order) order).id).collect(Collectors.toList());
	}

	// The statements of an application that is not changed.
	static Object page(SessionFactory factory, int customer) throws Exception {
		return within(factory, session -> ((Customer) session.get(Customer.class, customer)).name + " "
				+ ids(session.createQuery("from Order o where o.customer.id = :customer and o.state = 'open' order by o.id")
						.setParameter("customer", customer).list())
				+ " " + session.createQuery("select count(*) from Order o where o.state = :state")
						.setParameter("state", "open").uniqueResult());
	}

	static void unchanged() throws Exception {
		results("auto");
		SessionFactory factory = factory();
		String first = "customer 7 [6, 26, 46, 66, 86] 100", later = first.replace("100", "99");
		String other = "customer 8 [27, 47, 67, 87] 99";
		for (int i = 0; i < 7; i++)			// from the fifth run on a statement has a name
			same(page(factory, 7), first, "auto: content");
		page(factory, 8);
		same(counted(counters(factory), () -> page(factory, 7)), first + " 3 0", "auto: all statements of a page are hits");
		within(factory, session -> ((Order) session.get(Order.class, 7)).state = "delivered");		// of customer 8
		same(counted(counters(factory), () -> page(factory, 7)), later + " 2 1", "auto: a write ends what reads all orders, and nothing of another customer");
		same(counted(counters(factory), () -> page(factory, 8)), other + " 2 1", "auto: a write ends what reads the orders of its customer");
		same(counted(counters(factory), () -> page(factory, 8)), other + " 3 0", "auto: and it is kept again");
		factory.close();
	}

	// The code of docs/plain_sql.md is what a class has.
	static void declared() throws Exception {
		results("declared");
		SessionFactory factory = factory();
		same(counted(counters(factory), () -> page(factory, 7)), "customer 7 [6, 26, 46, 66, 86] 99 0 0", "declared: no comment, nothing is kept");
		Class<?> type = compiled("docs/plain_sql.md, hibernate", "import java.util.*;\nimport org.hibernate.*;",
				"public " + code("plain_sql.md", "hibernate"));
		if (type != null) {
			Object code = type.getConstructor().newInstance();
			java.lang.reflect.Method openOrders = type.getMethod("openOrders", Session.class, int.class);
			Task task = session -> ids((List<?>) openOrders.invoke(code, session, 7));
			same(counted(counters(factory), () -> within(factory, task) + " " + within(factory, task)),
					"[6, 26, 46, 66, 86] [6, 26, 46, 66, 86] 1 1", "declared: setComment()");
		}
		same(counted(counters(factory), () -> within(factory, session -> ids(session.createQuery("from Order o where o.id = 9")
				.setComment("of the cache").list()) + " " + ids(session.createQuery("from Order o where o.id = 9")
				.setComment("of the cache").list()))), "[9] [9] 0 0", "declared: another comment is none");
		factory.close();
		results("off");
	}

	public static void main(String[] arguments) throws Exception {
		try {
			Class.forName("org.hibernate.Session");
		} catch (ClassNotFoundException e) {
			System.out.println("1..0 # SKIP Hibernate is not there");
			return;
		}
		// A program that is run from its source has a loader of its own.
		Thread.currentThread().setContextClassLoader(client_hibernate.class.getClassLoader());
		try {
			unchanged();
			declared();
		} catch (Exception | LinkageError e) {
			ok(false, "no exception", trace(e));
		}
		done();
	}
}
