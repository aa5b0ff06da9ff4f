namespace AuthIndex.Hosting;

/// <summary>
/// A problem that only the operator can fix: a broken configuration, a port in use, a directory that cannot be written. The message says
/// what is wrong, where, and what would be right; the program prints it without a stack trace and ends with status 1.
/// </summary>
public class OperatorException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Joins several problems to one message, one per line.</summary>
    public OperatorException(IEnumerable<Yaml.SourceProblem> problems)
        : this(string.Join('\n', problems.Where(p => !p.IsWarning)))
    {
    }
}
