using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Access;

/// <summary>A part of the portal that is for administrators.</summary>
internal enum AdminArea
{
    /// <summary><c>index:policy</c>.</summary>
    Policy,

    /// <summary><c>index:audit</c>.</summary>
    Audit,

    /// <summary><c>index:accounts</c>.</summary>
    Accounts,

    /// <summary><c>index:system</c>.</summary>
    System,
}

/// <summary>
/// Which parts of the portal for administrators somebody may see (<c>pull</c>) and act in (<c>push</c>), as the policy decides about the
/// resources <c>index:policy</c>, <c>index:audit</c>, <c>index:accounts</c> and <c>index:system</c>.
/// </summary>
internal sealed class AdminRights(PolicyStore policies, TimeProvider time)
{
    /// <summary>The resource of an area, with an action.</summary>
    public static Scope ScopeOf(AdminArea area, ActionSet actions) => new(
        Scope.IndexType,
        area switch
        {
            AdminArea.Policy => "policy",
            AdminArea.Audit => "audit",
            AdminArea.Accounts => "accounts",
            AdminArea.System => "system",
            _ => throw new ArgumentOutOfRangeException(nameof(area)),
        },
        actions);

    /// <summary>Whether somebody may do something in an area; never without a session.</summary>
    public bool May(Visitor visitor, AdminArea area, ActionSet action)
    {
        if (visitor is not SessionCaller { Subject: { Who: var who } subject }) return false;
        var policy = policies.Current;
        var caller = new CallerSubjects(who.Account, who.Groups, policy.Groups, who.IgnoresCase)
        {
            AreGroupsUnknown = who.AreGroupsUnknown,
        };
        // The pages belong to no registry: a rule that asks for one does not allow them.
        var conditions = new RequestConditions(subject.Address, null, who.SignedInBy, time.GetUtcNow(), UnknownIsMet: false);
        return who.PullOnly is null && policy.Decide(caller, conditions, ScopeOf(area, action)).Refused.IsEmpty;
    }
}
