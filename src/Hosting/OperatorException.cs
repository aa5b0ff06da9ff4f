namespace AuthIndex.Hosting;

/// <summary>
/// Something only the operator can mend: a broken configuration, a port in use, a directory that cannot be written. The message
/// says what is wrong, where, and what would be right; the program prints it without a stack trace and ends with status 1.
/// </summary>
public class OperatorException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>One message out of several problems, one a line.</summary>
    public OperatorException(IEnumerable<Yaml.SourceProblem> problems)
        : this(string.Join('\n', problems.Where(p => !p.IsWarning)))
    {
    }
}
