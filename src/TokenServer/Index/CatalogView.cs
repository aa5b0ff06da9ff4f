using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// The catalog as one caller may see it: what they may pull, registry by registry, by one policy from start to end. Registries
/// that are not among the given services are not there.
/// </summary>
internal sealed class CatalogView
{
    private readonly Policy policy;
    private readonly CallerSubjects subjects;
    private readonly TokenRestriction narrowing;
    private readonly Dictionary<string, (RegistryService Service, RequestConditions Circumstances)> services;

    public CatalogView(Policy policy, SubjectCaller caller, DateTimeOffset now)
    {
        this.policy = policy;
        narrowing = caller.Restriction;
        var who = caller.Who;
        subjects = new CallerSubjects(who.Account, who.Groups, policy.Groups, who.IgnoresCase)
        {
            AreGroupsUnknown = who.AreGroupsUnknown,
        };
        services = caller.Services.ToDictionary(
            s => s.Name,
            s => (s, new RequestConditions(caller.Address, s.Name, who.SignedInBy, now, UnknownIsMet: false)),
            StringComparer.Ordinal);
    }

    /// <summary>
    /// The beginnings of all names that the caller may see, in byte order, none beginning with another: the rest need not be looked at.
    /// </summary>
    public IReadOnlyList<string> Prefixes => policy.RepositoryPrefixes(subjects);

    /// <summary>
    /// Whether the caller may pull a repository from a registry; never from one that is not shown, or not configured any more.
    /// </summary>
    public bool Shows(string service, RepositoryName name) =>
        services.TryGetValue(service, out var known)
        && narrowing.Restrict(policy.Decide(subjects, known.Circumstances, Scope.Repository(name, ActionSet.Pull)).Granted)
        .Covers(ActionSet.Pull);

    /// <summary>The registries from which the caller may pull a repository, whether it is there or not.</summary>
    public IReadOnlyList<string> ServicesFor(RepositoryName name) => [.. services.Keys.Where(service => Shows(service, name))];

    /// <summary>Where clients reach a registry; null when that is not configured.</summary>
    public Uri? UrlOf(string service) => services[service].Service.Url;
}
